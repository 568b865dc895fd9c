"""Writes a home folder into one archive while experiments run, and unpacks such an archive, which may be hostile."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from distill_core import __version__
from distill_core.errors import LabError
from distill_core.folders import Home
from distill_core.whole_files import sync_folder

MANIFEST, FORMAT = "manifest.json", 1
# What can be made again, what speaks of this machine's processes, and what is only on its way.
_LEFT_OUT = ("cache", "downloads", "doomed", "backups", "uploads")
_LEFT_OUT_FILES = re.compile(r"(lab\.sqlite.*|.*\.(lock|sock|pid|tmp)|(dispatcher|preview)\.log(\.\d+)?|queue-.*|\..*)")
_OF_A_PROCESS = ("worker.json", "placement.json", "heartbeat.json", "stop.request", "worker.lock")
# Read first of a run's folder: what these name is there by then, and stays until they are replaced.
_MARKERS = ("result.json", "onnx.json", "latency.json", "compression.json", "checkpoint.safetensors",
            "checkpoint-before.safetensors")
# Read first of an experiment's folder: no line may tell of a file that was read before it was written.
_LINES = ("journal.jsonl", "events.jsonl")
_HEAVY = re.compile(r"(.*\.safetensors|.*\.onnx|.*\.onnx\.data|test_samples\.npz)")
_CHUNK = 2**20
_TRIES = 5
_SPARE_BYTES = 256 * 2**20
_MOST_MANIFEST_BYTES, _LONGEST_NAME = 256 * 2**20, 1024
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,150}")


class BackupRefused(LabError):
    """A backup that cannot be written or read; nothing of the home was changed."""


@dataclass(frozen=True)
class BackupFacts:
    """What a backup holds. `created_at` in seconds since the epoch, sizes unpacked."""

    created_at: float
    version: str
    experiments: int
    files: int
    size_bytes: int
    models: bool


@dataclass(frozen=True)
class _Source:
    """A file held open, of which `size` bytes are taken: what is appended later belongs to the next backup."""

    name: str
    file: BinaryIO
    size: int
    modified: float


def write_backup(
    home: Home, path: Path, *, now: float, models: bool = True, tell: Callable[[int, int], None] = lambda done, of: None
) -> BackupFacts:
    """Write a new .tar.gz, whole or not at all. `tell` gets (experiments done, of all). Raises BackupRefused.

    Every file is appended only or replaced whole, so that one held open stays as it was; the order of opening sees to
    it that nothing is told whose file is missing. Without `models` weights and exported files stay out.
    """
    if path.exists():
        raise BackupRefused(f"{path} is there already; allowed: a new file. Choose another name, or move it away.")
    half = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    manifest: dict[str, list[Any]] = {}
    number = 0
    try:
        with tarfile.open(half, "w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as archive:
            folders = sorted(entry for entry in home.experiments.glob("*") if entry.is_dir())
            for folder in _rest(home):
                for source in _opened(home, folder, models=models):
                    manifest[source.name] = _add(archive, source)
            for number, folder in enumerate(folders, 1):
                for source in _experiment(home, folder, models=models):
                    manifest[source.name] = _add(archive, source)
                tell(number, len(folders))
            facts = BackupFacts(
                created_at=now, version=__version__, experiments=number, files=len(manifest),
                size_bytes=sum(size for size, _ in manifest.values()), models=models,
            )
            told = json.dumps({"format": FORMAT, **facts.__dict__, "members": manifest}).encode()
            info = tarfile.TarInfo(MANIFEST)
            info.size, info.mtime = len(told), int(now)
            archive.addfile(info, io.BytesIO(told))
        with half.open("rb") as file:
            os.fsync(file.fileno())
        # A link fails where a file came to be meanwhile, where a rename would replace it.
        os.link(half, path)
        sync_folder(path.parent)
    except OSError as error:
        raise BackupRefused(
            f"The backup {path} cannot be written ({error.strerror or error}); allowed: a folder on a disk with room."
        ) from error
    finally:
        half.unlink(missing_ok=True)
    return facts


def unpack(path: Path, folder: Path) -> BackupFacts:
    """Unpack into a new folder and compare every file with its checksum. Raises BackupRefused, and leaves nothing.

    Only plain files with plain names are taken: no links, no devices, nothing that leads outside.
    """
    folder.mkdir(parents=True)
    try:
        return _unpack(path, folder)
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, TypeError, KeyError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BackupRefused(
            f"{path.name} cannot be read as a backup ({str(error)[:200].rstrip('.')}); allowed: a whole file that "
            "`backup` wrote."
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(path: Path, folder: Path) -> BackupFacts:
    found: dict[str, list[Any]] = {}
    manifest: dict[str, Any] | None = None
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            if manifest is not None:
                raise BackupRefused(f"{path.name} goes on after its end; allowed: a file that `backup` wrote.")
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise BackupRefused(
                    f"{path.name} holds {member.name[:80]!r}, which is no plain file; nothing is taken."
                )
            if member.name == MANIFEST:
                if member.size > _MOST_MANIFEST_BYTES:
                    raise BackupRefused(f"{path.name} has a list of files larger than any; nothing is taken.")
                manifest = json.loads(content.read())
                continue
            target = folder / _safe(member.name, path)
            if target.exists():
                raise BackupRefused(f"{path.name} holds {member.name[:80]!r} twice; nothing is taken.")
            if member.size > shutil.disk_usage(folder).free - _SPARE_BYTES:
                raise BackupRefused(f"There is no room to unpack {path.name}; free some space, then try again.")
            target.parent.mkdir(parents=True, exist_ok=True)
            found[member.name] = [member.size, _copy(content, target)]
            os.utime(target, (member.mtime, member.mtime))
    if manifest is None or manifest.get("format") != FORMAT:
        raise BackupRefused(
            f"{path.name} has no list of its files at the end, so it is cut off or of another version; allowed: a "
            "whole file that this version's `backup` wrote."
        )
    told = manifest["members"]
    wrong = sorted(name for name in {*found, *told} if found.get(name) != told.get(name))
    if wrong:
        raise BackupRefused(
            f"{len(wrong)} files of {path.name} are damaged, among them {wrong[0][:80]!r}; allowed: a whole backup. "
            "Use another one."
        )
    return BackupFacts(**{name: manifest[name] for name in BackupFacts.__dataclass_fields__})


def _safe(name: str, path: Path) -> PurePosixPath:
    pure = PurePosixPath(name)
    plain = (
        0 < len(name) <= _LONGEST_NAME and str(pure) == name and not pure.is_absolute() and ".." not in pure.parts
        and "\\" not in name and name.isprintable() and len(name.encode()) <= _LONGEST_NAME
        and _UNIT.fullmatch(pure.parts[0]) is not None
    )
    kept = plain and pure.parts[0] not in _LEFT_OUT and not (
        len(pure.parts) == 1 and _LEFT_OUT_FILES.fullmatch(name)
    )
    of_experiment = pure.parts[:1] != ("experiments",) or (
        len(pure.parts) > 2 and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", pure.parts[1]) is not None
    )
    if not kept or not of_experiment:
        raise BackupRefused(f"{path.name} holds {name[:80]!r}, which no backup has; nothing is taken.")
    return pure


def _rest(home: Home) -> Iterator[Path]:
    """What lies in the home beside experiments: data sets, weights, corrections, results, the audit log."""
    for path in sorted(home.path.glob("*")):
        skipped = path.name in (*_LEFT_OUT, home.experiments.name) or path.name.startswith("restoring-")
        if path == home.sweeps:
            # One by one: of a folder all files are held open at once.
            yield from sorted(path.glob("*"))
        elif not skipped and not _LEFT_OUT_FILES.fullmatch(path.name):
            yield path


def _experiment(home: Home, folder: Path, *, models: bool) -> Iterator[_Source]:
    """The lines first, held at their present length; then all else, run by run."""
    with ExitStack() as held:
        lines = [folder / name for name in _LINES]
        yield from [source for path in lines if (source := _open(home, path, held)) is not None]
        for path in sorted(path for path in folder.glob("*") if path not in lines and path.name != "runs"):
            yield from _opened(home, path, models=models)
        for run in sorted(folder.glob("runs/*")):
            yield from _opened(home, run, models=models)


def _opened(home: Home, path: Path, *, models: bool) -> Iterator[_Source]:
    """A file, or all of a folder held open at once: nothing of it is taken from under the reader."""
    with ExitStack() as held:
        for _ in range(_TRIES):
            marked = [_open(home, below, held) for below in _files(path) if below.name in _MARKERS]
            # Listed again: what the markers name was there before they were opened.
            rest = [_open(home, below, held) for below in _files(path) if below.name not in _MARKERS]
            if None not in rest:
                break
            # Something was replaced between listing and opening.
            held.pop_all().close()
        for source in (*marked, *rest):
            if source is not None and (models or not _HEAVY.fullmatch(PurePosixPath(source.name).name)):
                yield source


def _files(path: Path) -> list[Path]:
    """Plain files that are worth keeping, in order."""
    below = [path] if path.is_file() else sorted(path.rglob("*"))
    return [
        found for found in below
        if found.is_file() and not found.is_symlink() and found.name not in _OF_A_PROCESS
        and not found.name.endswith((".tmp", ".lock", ".sock"))
    ]


def _open(home: Home, path: Path, held: ExitStack) -> _Source | None:
    """None for what is gone."""
    try:
        file = held.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None
    facts = os.fstat(file.fileno())
    return _Source(path.relative_to(home.path).as_posix(), file, facts.st_size, facts.st_mtime)


def _add(archive: tarfile.TarFile, source: _Source) -> list[Any]:
    """Put a file into the archive; returns its size and SHA-256 as they are there."""
    info = tarfile.TarInfo(source.name)
    info.size, info.mtime, info.mode = source.size, int(source.modified), 0o600
    reader = _Hashing(source.file)
    archive.addfile(info, reader)
    return [source.size, reader.digest.hexdigest()]


class _Hashing:
    """Reads a file and keeps the digest of what was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _copy(content: IO[bytes], target: Path) -> str:
    """Write a member's content; returns its SHA-256."""
    digest = hashlib.sha256()
    with target.open("xb") as out:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()
