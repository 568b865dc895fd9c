"""Fetches published files once, checks them against their checksums, and says what to do without a network."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from distill_core.errors import DataError

Telling = Callable[[str], None]

_CHUNK_BYTES = 2**20
_SECONDS_TO_ANSWER = 30.0
_SECONDS_BETWEEN_WORDS = 2.0


@dataclass(frozen=True)
class PublishedFile:
    """A file that others host; `urls` are tried in turn, `md5` is the checksum its makers published."""

    name: str
    urls: tuple[str, ...]
    md5: str


def fetch_all(files: Sequence[PublishedFile], folder: Path, *, title: str, tell: Telling) -> None:
    """Make sure that all files lie in `folder`, whole; raises DataError that names files, addresses and the folder.

    A file that lies there already is only checked, so that it can be put there by hand. `tell` gets a line every few
    seconds of a download.
    """
    missing = [file for file in files if not _is_whole(file, folder)]
    for number, file in enumerate(missing):
        failures = []
        for url in file.urls:
            try:
                _download(url, file, folder, lambda line: tell(f"{title}: {line}"))
                break
            except (urllib.error.URLError, http.client.HTTPException, OSError, _WrongContent) as error:
                failures.append(f"{url.split('/')[2] or url}: {_in_words(error)}")
        else:
            raise _absent(missing[number:], folder, title=title, why="; ".join(failures))


def _is_whole(file: PublishedFile, folder: Path) -> bool:
    path = folder / file.name
    if not path.exists():
        return False
    with path.open("rb") as content:
        found = hashlib.file_digest(content, _md5).hexdigest()
    if found != file.md5:
        raise DataError(
            f"The file {path} is not the published one (its MD5 is {found}, not {file.md5}); allowed: the file from "
            f"{file.urls[0]}. Remove it, or put the right one there."
        )
    return True


class _WrongContent(Exception):
    """What came has another checksum than what was published."""


def _download(url: str, file: PublishedFile, folder: Path, say: Telling) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{file.name}.part"
    digest, done = _md5(), 0
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS_TO_ANSWER) as answer, part.open("wb") as out:
            total = int(answer.headers.get("Content-Length") or 0)
            said = time.monotonic()
            say(f"fetching {file.name} from {url}")
            while chunk := answer.read(_CHUNK_BYTES):
                out.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if time.monotonic() - said >= _SECONDS_BETWEEN_WORDS:
                    said = time.monotonic()
                    share = f" of {total / 2**20:,.0f} MiB ({done / total:.0%})" if total else " MiB"
                    say(f"{file.name}: {done / 2**20:,.0f}{share}")
        if digest.hexdigest() != file.md5:
            raise _WrongContent(f"what it sent has the MD5 {digest.hexdigest()}, not {file.md5}")
        part.replace(folder / file.name)
    finally:
        part.unlink(missing_ok=True)
    say(f"{file.name} is here ({done / 2**20:,.1f} MiB)")


def _absent(missing: Sequence[PublishedFile], folder: Path, *, title: str, why: str) -> DataError:
    wanted = " and ".join(f"{file.name} from {file.urls[0]}" for file in missing)
    them = "it" if len(missing) == 1 else "them"
    return DataError(
        f"{title} is not on this machine and could not be fetched ({why}); allowed: its published files in "
        f"{folder}. Connect to the network, or fetch {wanted} elsewhere and put {them} into that folder."
    )


def _in_words(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(getattr(reason, "strerror", None) or reason)[:120] or type(error).__name__


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)
