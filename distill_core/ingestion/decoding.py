"""Decodes a folder or archive of pictures once, in a stream, into one array a split on the disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Literal

import numpy as np

from distill_core.errors import DataError
from distill_core.folders import write_json
from distill_core.ingestion.decoded import DecodedImages, NpyRows
from distill_core.ingestion.image_files import ImageFiles, open_image_files
from distill_core.ingestion.image_layout import ImageLayout, Labelled, lay_out
from distill_core.ingestion.picture import BadPicture, Picture, PictureReader
from distill_core.processes import lock_held
from distill_core.signature import NO_LABEL

Progress = Callable[[int, int], None]

MOST_BAD = 0.2
_NAMED_BAD = 5
_MOST_THREADS = 4
_WINDOW_FILES, _WINDOW_BYTES = 256, 32 * 2**20
_READ_BY = ("picture.py", "image_layout.py", "decoding.py")


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """Where the pictures are, and how they are read."""

    path: str
    image_size: int
    channels: Literal["rgb", "grey"]
    test_fraction: float


def fingerprint(settings: ImageSettings) -> str:
    """Changes with any picture and with how pictures are read; decodes nothing. Raises DataError."""
    with open_image_files(settings.path) as files:
        return _fingerprint(settings, files, _lay_out(settings, files))


def decode_images(
    settings: ImageSettings, cache_folder: Path, *, on_progress: Progress | None = None, problems: Path | None = None
) -> DecodedImages:
    """The decoded copy in `cache_folder`, made if it is not there yet; raises DataError.

    `on_progress(done, total)` is told every few hundred files. Pictures that cannot be read are left out and listed:
    in `problems`, if a path is given, also when there are too many of them.
    """
    with open_image_files(settings.path) as files:
        layout = _lay_out(settings, files)
        decoded = DecodedImages(cache_folder / f"image-folder-{_fingerprint(settings, files, layout)}")
        cache_folder.mkdir(parents=True, exist_ok=True)
        # Two who need the same data at once: the second waits, and finds them decoded.
        with lock_held(decoded.folder.with_name(f"{decoded.folder.name}.lock")):
            if not decoded.is_complete():
                _decode_into(decoded, settings, files, layout, on_progress or _quiet, problems)
            elif problems is not None:
                shutil.copyfile(decoded.problems, problems)
    return decoded


def _quiet(done: int, total: int) -> None:
    """For who does not show progress."""


def _lay_out(settings: ImageSettings, files: ImageFiles) -> ImageLayout:
    return lay_out(files.names, title=files.title, test_fraction=settings.test_fraction)


def _fingerprint(settings: ImageSettings, files: ImageFiles, layout: ImageLayout) -> str:
    how = f"{_code()}:{settings.image_size}:{settings.channels}:{settings.test_fraction}:{layout.class_names}\n"
    summary = hashlib.sha256(how.encode(errors="surrogateescape"))
    for split in (layout.train, layout.test):
        for index, label in split:
            name = "/".join(files.names[index].split("/")[-2:])
            line = f"{name}:{label}:{files.stamp(index)}\n"
            summary.update(line.encode(errors="surrogateescape"))
        summary.update(b"--\n")
    return summary.hexdigest()[:16]


@cache
def _code() -> str:
    """Digest of the modules that decide which pixels and labels come out."""
    here = Path(__file__).parent
    return hashlib.sha256(b"\0".join((here / name).read_bytes() for name in _READ_BY)).hexdigest()[:16]


def _decode_into(
    decoded: DecodedImages, settings: ImageSettings, files: ImageFiles, layout: ImageLayout, on_progress: Progress,
    problems: Path | None,
) -> None:
    """Into a folder beside it first, so that a killed decoding leaves nothing that looks complete."""
    part = DecodedImages(decoded.folder.with_name(f"{decoded.folder.name}.part"))
    shutil.rmtree(part.folder, ignore_errors=True)
    part.folder.mkdir()
    try:
        try:
            _Decoding(part, settings, files, layout, on_progress).run()
        finally:
            if problems is not None and part.problems.exists():
                shutil.copyfile(part.problems, problems)
    except OSError as error:
        shutil.rmtree(part.folder, ignore_errors=True)
        raise DataError(
            f"The decoded images cannot be written to the home folder ({error.strerror}); allowed: a disk with room "
            "for them. Free some space."
        ) from error
    except BaseException:
        shutil.rmtree(part.folder, ignore_errors=True)
        raise
    shutil.rmtree(decoded.folder, ignore_errors=True)
    part.folder.rename(decoded.folder)


class _Decoding:
    """One pass over all files; what is counted on the way becomes the description beside the arrays."""

    def __init__(
        self, out: DecodedImages, settings: ImageSettings, files: ImageFiles, layout: ImageLayout, on_progress: Progress
    ) -> None:
        self._out, self._files, self._layout, self._on_progress = out, files, layout, on_progress
        self._reader = PictureReader(size=settings.image_size, channels=settings.channels)
        self._shape = (3 if settings.channels == "rgb" else 1, settings.image_size, settings.image_size)
        self._window_files = max(1, min(_WINDOW_FILES, _WINDOW_BYTES // int(np.prod(self._shape))))
        self._total = len(layout.train) + len(layout.test)
        self._done = self._many_frames = 0
        self._bad: list[str] = []
        self._bad_count = 0
        self._sum, self._squares = np.zeros(self._shape[0]), np.zeros(self._shape[0])

    def run(self) -> None:
        self._on_progress(0, self._total)
        threads = min(_MOST_THREADS, os.cpu_count() or 1)
        with (
            ThreadPoolExecutor(max_workers=threads) as pool,
            self._out.problems.open("w", encoding="utf-8") as listed,
            warnings.catch_warnings(),
        ):
            # Pillow warns of damaged side information; the pixels decide. Here, for filters belong to all threads.
            warnings.simplefilter("ignore")
            for name in self._files.repeated:
                _list(listed, name, "a later file of the archive has the same name")
            train = self._split("train", self._layout.train, pool, listed)
            test = self._split("test", self._layout.test, pool, listed)
        self._check(train, test)
        pixels = max(len(train), 1) * self._shape[1] * self._shape[2] * 255.0
        mean = self._sum / pixels
        variance = self._squares / (pixels * 255.0) - mean**2
        names = self._layout.class_names
        write_json(
            self._out.about,
            {
                "class_names": names,
                "shape": self._shape,
                "mean": [round(float(value), 4) for value in mean],
                "std": [max(round(float(value) ** 0.5, 4), 1e-3) for value in np.maximum(variance, 0)],
                "train": sum(label != NO_LABEL for label in train),
                "unlabelled": sum(label == NO_LABEL for label in train),
                "test": len(test),
                "class_counts": {"train": _counts(train, names), "test": _counts(test, names)},
                "bad": self._bad_count + len(self._files.repeated),
                "notes": [*self._layout.notes, *self._notes()],
            },
        )

    def _split(
        self, split: Literal["train", "test"], entries: Labelled, pool: ThreadPoolExecutor, listed: IO[str]
    ) -> list[int]:
        """Writes the split's arrays and returns its labels."""
        labels: list[int] = []
        with NpyRows(self._out.inputs(split), self._shape) as rows:
            for window in _windows(entries, self._files, most_files=self._window_files):
                good: list[np.ndarray] = []
                outcomes = pool.map(self._picture, window.contents)
                for (index, label), outcome in zip(window.entries, outcomes, strict=True):
                    if isinstance(outcome, str):
                        self._note_bad(self._files.names[index], outcome, listed)
                        continue
                    self._many_frames += outcome.first_of_many
                    good.append(outcome.pixels)
                    labels.append(label)
                if good:
                    block = np.stack(good)
                    rows.append(block)
                    if split == "train":
                        self._measure(block)
                self._done += len(window.entries)
                self._on_progress(self._done, self._total)
                self._stop_if_hopeless()
        np.save(self._out.labels(split), np.array(labels, dtype=np.int64))
        return labels

    def _picture(self, content: bytes | str) -> Picture | str:
        """The picture, or why there is none."""
        if isinstance(content, str):
            return content
        try:
            return self._reader.read(content)
        except BadPicture as error:
            return str(error)

    def _measure(self, block: np.ndarray) -> None:
        # Whole numbers, so that neither order nor window size changes the figures.
        wide = block.astype(np.uint32)
        self._sum += wide.sum((0, 2, 3), dtype=np.uint64)
        self._squares += (wide * wide).sum((0, 2, 3), dtype=np.uint64)

    def _note_bad(self, name: str, reason: str, listed: IO[str]) -> None:
        self._bad_count += 1
        if len(self._bad) < _NAMED_BAD:
            self._bad.append(f"{'/'.join(name.split('/')[-2:])} ({reason})")
        _list(listed, name, reason)

    def _stop_if_hopeless(self) -> None:
        if self._bad_count > MOST_BAD * self._total:
            so_far = "At least " if self._done < self._total else ""
            raise DataError(
                f"{so_far}{self._bad_count:,} of {self._total:,} images could not be read, such as {self._bad[0]}; "
                f"allowed: at most {MOST_BAD:.0%}. Repair or remove them."
            )

    def _check(self, train: Sequence[int], test: Sequence[int]) -> None:
        self._stop_if_hopeless()
        left = set(train)
        for label, name in enumerate(self._layout.class_names):
            if label not in left:
                raise DataError(
                    f"No training image of the class {name!r} could be read; allowed: at least one. "
                    "Repair its images or remove the class."
                )
        if not test:
            raise DataError("No test image could be read; allowed: at least one. Repair the images of the test folder.")

    def _notes(self) -> list[str]:
        notes = []
        if self._bad_count:
            more = f" and {self._bad_count - _NAMED_BAD:,} more" if self._bad_count > _NAMED_BAD else ""
            notes.append(
                f"{self._bad_count:,} of {self._total:,} images could not be read and were left out: "
                f"{', '.join(self._bad)}{more}."
            )
        if self._files.repeated:
            notes.append(f"{len(self._files.repeated):,} names occur more than once: the last file of each was used.")
        if self._many_frames:
            notes.append(f"{self._many_frames:,} images have several frames or pages: the first of each was used.")
        if self._files.ignored:
            notes.append(f"Other files, which are no images or hidden, were left out: {self._files.ignored:,}.")
        return notes


@dataclass(frozen=True)
class _Window:
    entries: Labelled
    contents: list[bytes | str]


def _windows(entries: Labelled, files: ImageFiles, *, most_files: int) -> Iterator[_Window]:
    """Files in groups that are small, before decoding and after; of what cannot be opened the reason instead."""
    window, held = _Window([], []), 0
    for index, label in entries:
        try:
            content: bytes | str = files.read(index)
        except BadPicture as error:
            content = str(error)
        window.entries.append((index, label))
        window.contents.append(content)
        held += len(content)
        if len(window.entries) >= most_files or held >= _WINDOW_BYTES:
            yield window
            window, held = _Window([], []), 0
    if window.entries:
        yield window


def _list(listed: IO[str], name: str, reason: str) -> None:
    listed.write(json.dumps({"file": name, "reason": reason}) + "\n")


def _counts(labels: Sequence[int], names: Sequence[str]) -> dict[str, int]:
    counts = np.bincount([label for label in labels if label != NO_LABEL], minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True)}
