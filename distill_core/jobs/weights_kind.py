"""Tells by its content, never its name, whether a file can hold plain weights; loads no torch and executes nothing."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import BinaryIO, Literal

WeightsKind = Literal["safetensors", "torch-zip", "torch-legacy"]

ALLOWED = "allowed: tensors alone, as .safetensors or as a .pt or .pth state dict"
SAVE = 'Where the network was made, save its weights alone: torch.save(model.state_dict(), "weights.pt").'
AGAIN = "The copy is incomplete or damaged; upload it again."
_LONGEST_HEADER_BYTES = 100_000_000
_MOST_MEMBERS = 100_000
# The number with which torch.save began its files before version 1.6, as a pickle.
_LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_FOREIGN = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes",
    b"\x93NUMPY": "a NumPy array",
    b"GGUF": "a GGUF file, as llama.cpp reads",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"version https://git-lfs": "a Git LFS pointer, which stands for the file",
    b"<!doctype": "a web page, saved instead of the file",
    b"<html": "a web page, saved instead of the file",
}
# Fields of onnx.ModelProto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_ONNX_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_ONNX_VERSION, _ONNX_GRAPH = 1, 7
_MOST_FIELDS = 100_000


class Refused(Exception):
    """Why a file is not taken, as the part of a sentence that follows the file's name."""


def kind_of(path: Path) -> WeightsKind:
    """How the file's weights are to be read; raises Refused for all that is no plain set of tensors."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(512)
        if not start:
            raise Refused(f"is empty; {ALLOWED}. Upload it again.")
        if start.startswith(_LEGACY_START):
            return "torch-legacy"
        if start.startswith(b"PK"):
            _check_zip(path, size_bytes)
            return "torch-zip"
        if _is_safetensors(start, size_bytes):
            return "safetensors"
        for signature, words in _FOREIGN.items():
            if start.lower().startswith(signature.lower()):
                raise Refused(f"is {words}; {ALLOWED}.")
        if start[257:262] == b"ustar":
            raise Refused(f"is a tar archive; {ALLOWED}. {SAVE}")
        if _is_onnx(file, size_bytes):
            raise Refused(f"is an ONNX graph, whose names no longer match a network's layers; {ALLOWED}. {SAVE}")
    if start[:2] in _PICKLES:
        raise Refused(f"is a pickle that torch.save did not write, and reading it could run code; {ALLOWED}. {SAVE}")
    raise Refused(f"is not a weights file, as far as its content tells; {ALLOWED}. {SAVE}")


def _is_safetensors(start: bytes, size_bytes: int) -> bool:
    """A length and JSON: https://github.com/huggingface/safetensors#format."""
    if len(start) < 9 or start[8:9] != b"{":
        return False
    header_bytes = int(struct.unpack("<Q", start[:8])[0])
    if header_bytes > _LONGEST_HEADER_BYTES:
        return False
    if 8 + header_bytes > size_bytes:
        raise Refused(f"ends within its list of tensors. {AGAIN}")
    return True


def _check_zip(path: Path, size_bytes: int) -> None:
    """Raises Refused unless it is an archive of torch.save, which never compresses."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    # The module reports damage in many ways: an index outside the file, an unknown version, a name of no encoding.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        raise Refused(f"is an archive that cannot be opened. {AGAIN}") from error
    # torch.save puts all below one folder, named as the file.
    names = {member.filename for member in members} | {member.filename.partition("/")[2] for member in members}
    if "constants.pkl" in names:
        raise Refused(f"is a TorchScript archive, which holds a program; {ALLOWED}. {SAVE}")
    if names & {"archive_format", "serialized_exported_program.json", "models/model.json"}:
        raise Refused(f"is an exported program (.pt2), not only its weights; {ALLOWED}. {SAVE}")
    if "model.weights.h5" in names:
        raise Refused(f"is a Keras model; {ALLOWED}.")
    if members and all(member.filename.endswith(".npy") for member in members):
        raise Refused(f"is an archive of NumPy arrays; {ALLOWED}.")
    if "data.pkl" not in names:
        raise Refused(f"is a zip archive that torch.save did not write; {ALLOWED}. Unpack it if weights are inside.")
    unpacked = sum(member.file_size for member in members)
    if unpacked > size_bytes or any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise Refused(
            f"is compressed ({size_bytes:,} bytes would become {unpacked:,}), which torch.save never does; {ALLOWED}. "
            f"{SAVE}"
        )
    if len(members) > _MOST_MEMBERS:
        raise Refused(f"has {len(members):,} parts; allowed: up to {_MOST_MEMBERS:,}.")


def _is_onnx(file: BinaryIO, size_bytes: int) -> bool:
    """Whether the fields of the whole file are those of an ONNX model, which has no signature."""
    file.seek(0)
    seen = set()
    for _ in range(_MOST_FIELDS):
        if file.tell() >= size_bytes:
            break
        tag = _varint(file)
        if tag is None or tag >> 3 not in _ONNX_FIELDS:
            return False
        seen.add(tag >> 3)
        value = _varint(file) if tag & 7 in (0, 2) else None
        if value is None:
            return False
        if tag & 7 == 2:
            if value > size_bytes:
                return False
            file.seek(value, 1)
    return file.tell() == size_bytes and {_ONNX_VERSION, _ONNX_GRAPH} <= seen


def _varint(file: BinaryIO) -> int | None:
    """A protobuf integer; None if the bytes are none."""
    number = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            return None
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
    return None
