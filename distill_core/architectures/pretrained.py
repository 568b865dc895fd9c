"""Fetches ImageNet weights, once, into torch.hub's folder of checkpoints, and puts them into a network."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import torch
from torch import Tensor, nn

from distill_core.errors import WeightsUnavailable

_DIGEST_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")
_SILENCE_S = 30.0
_ABANDONED_S = 3600.0
_CHUNK_BYTES = 1 << 20

PRETRAINED_DESCRIPTION = (
    "Start from ImageNet weights (fetched once, then kept on this machine) under a new last layer; "
    "they were trained on colour images of 224 pixels."
)


def checkpoint_folder() -> Path:
    """Where torch.hub keeps what it fetched."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def fetch_weights(url: str) -> dict[str, Tensor]:
    """The state dict at `url`, whose file name holds the first digits of its SHA-256.

    Raises WeightsUnavailable, naming the file and the folder to place it in, if it is not on this machine and cannot be
    fetched, or is damaged.
    """
    name = Path(urlparse(url).path).name
    found = _DIGEST_IN_NAME.search(name)
    if found is None:
        raise ValueError(f"the name {name!r} holds no checksum")
    file = checkpoint_folder() / name
    try:
        if not file.exists():
            _download(url, file, expected=found[1])
        elif not _digest(file).startswith(found[1]):
            raise WeightsUnavailable(
                f"The pretrained weights in {file} are damaged: their checksum is not the one in the name. "
                f"Delete that file, or replace it with {url}."
            )
        return dict(torch.load(file, map_location="cpu", weights_only=True))
    except (OSError, HTTPException) as error:
        raise WeightsUnavailable(
            f"The pretrained weights {name} are not on this machine and could not be fetched ({_reason(error)}). "
            f"Download {url} where there is a connection and place the file {name} in the folder {file.parent}."
        ) from error


def load_pretrained(network: nn.Module, state: Mapping[str, Tensor], *, first: str, own: tuple[str, ...]) -> None:
    """Fill a network from fetched weights.

    `first` names the first convolution's weight, fitted to the network's channels; whatever starts with one of `own`
    keeps the network's fresh values. Raises RuntimeError if the rest does not match.
    """
    mine = network.state_dict()
    merged = {name: value for name, value in state.items() if not name.startswith(own)}
    merged |= {name: value for name, value in mine.items() if name.startswith(own)}
    if not first.startswith(own):
        merged[first] = for_channels(merged[first], int(mine[first].shape[1]))
    network.load_state_dict(merged)


def for_channels(filters: Tensor, channels: int) -> Tensor:
    """Filters [O,C,k,k] for another number of channels: their average in every channel.

    Scaled by C / channels, so that a grey image is answered as its copy in C channels was.
    """
    known = filters.shape[1]
    if known == channels:
        return filters
    return filters.mean(dim=1, keepdim=True).repeat(1, channels, 1, 1) * (known / channels)


def _download(url: str, file: Path, *, expected: str) -> None:
    """Fetch to a name of its own beside `file` and rename it when its checksum is right."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for abandoned in file.parent.glob(f"{file.name}.*.partial"):
        # Left by a process that was killed; a download that goes on writes at least every half minute.
        if time.time() - abandoned.stat().st_mtime > _ABANDONED_S:
            abandoned.unlink(missing_ok=True)
    partial = file.with_name(f"{file.name}.{uuid.uuid4().hex}.partial")
    digest = hashlib.sha256()
    try:
        request = Request(url, headers={"User-Agent": "torch.hub"})
        with urlopen(request, timeout=_SILENCE_S) as answer, partial.open("xb") as kept:
            while chunk := answer.read(_CHUNK_BYTES):
                digest.update(chunk)
                kept.write(chunk)
        if not digest.hexdigest().startswith(expected):
            raise OSError("what arrived is incomplete or altered")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    """In words, without the wrapping of urllib."""
    inner = getattr(error, "reason", None)
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner or error) or type(error).__name__
