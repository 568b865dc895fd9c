"""What reading an uploaded zip of 60,000 small images takes: time, and memory of the server and of the reader.

    python -m benchmarks.image_upload [ZIP]

Without a ZIP it makes one of 60,000 JPEGs of 32x32 pixels in 10 classes. The server is this process, which holds the
shelf as the web process does; the reader is the process that the shelf starts. Memory is the highest resident size.
"""

from __future__ import annotations

import io
import resource
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.report import write_result
from distill_core.folders import Home
from distill_core.shelf import Shelf

IMAGES, CLASSES, SIZE = 60_000, 10, 32
MIB = 2**20


def made_zip(path: Path) -> Path:
    """Smooth colour noise, which JPEG packs about as well as photographs."""
    draw = np.random.RandomState(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(IMAGES):
            image = Image.fromarray(draw.randint(0, 256, (8, 8, 3), dtype=np.uint8)).resize((SIZE, SIZE))
            content = io.BytesIO()
            image.save(content, "JPEG", quality=90)
            split = "test" if number % 6 == 5 else "train"
            archive.writestr(f"images/{split}/class-{number % CLASSES}/{number:05}.jpg", content.getvalue())
    return path


def main(given: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = given or made_zip(Path(folder) / "made.zip")
        shelf = Shelf(Home(Path(folder) / "home"))
        before = _peak_mib(resource.RUSAGE_SELF)
        begun = time.perf_counter()
        with path.open("rb") as source:
            data_id = shelf.begin_images("Benchmark", source, file_name="images.zip", image_size=SIZE)
        answered = time.perf_counter() - begun
        told = set()
        while (data := shelf.get(data_id)).state == "reading":
            told.add(data.done)
            time.sleep(0.1)
        took = time.perf_counter() - begun
        if data.state != "ready":
            raise SystemExit(data.reason)
        # The reader is waited for by now, or it would not count among the children.
        for process in shelf._started:
            process.wait()
        write_result(
            "image_upload", __doc__ or "",
            [
                {
                    "zip": "given" if given else "made",
                    "images": data.train + data.test + data.unlabelled,
                    "zip MiB": round(path.stat().st_size / MIB),
                    "answered after s": round(answered, 2),
                    "ready after s": round(took, 1),
                    "progress told times": len(told),
                    "reader MiB": round(_peak_mib(resource.RUSAGE_CHILDREN)),
                    "server MiB": round(_peak_mib(resource.RUSAGE_SELF)),
                    "server MiB before": round(before),
                }
            ],
        )


def _peak_mib(who: int) -> float:
    """Linux counts in KiB."""
    return resource.getrusage(who).ru_maxrss / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
