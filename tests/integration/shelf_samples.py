"""Small zips of pictures, and a shelf that reads them to the end."""

from __future__ import annotations

import io
import zipfile

from PIL import Image

from distill_core.shelf import DataSet, Shelf

LONGEST_SECONDS = 60


def png(value: int, *, size: int = 8) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (size, size), (value, 0, 0)).save(out, "PNG")
    return out.getvalue()


def zip_of(files: dict[str, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    out.seek(0)
    return out


def cats_and_dogs(count: int = 10, *, bad: int = 0) -> io.BytesIO:
    files = {f"pets/{name}/{number:04}.png": png(number % 200) for name in ("cat", "dog") for number in range(count)}
    files |= {f"pets/cat/bad{number}.png": b"damaged" for number in range(bad)}
    return zip_of(files)


def read_to_the_end(shelf: Shelf, data_id: str) -> DataSet:
    """Waits for the process, not for a time."""
    shelf._started[-1].wait(LONGEST_SECONDS)
    return shelf.get(data_id)


def begin(shelf: Shelf, source: io.BytesIO, **options: object) -> str:
    return shelf.begin_images("Pets", source, file_name="pets.zip", image_size=8, **options)
