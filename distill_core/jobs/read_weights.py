"""`python -m distill_core.jobs.read_weights FILE --out FOLDER`: reads an untrusted weights file within capped memory.

Prints one line of JSON: what was read and stored as safetensors, or why the file is refused. Nothing that the file
holds is executed: pickles are read by torch's restricted reader, which knows tensors and plain values alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.jobs.weights_kind import AGAIN, ALLOWED, SAVE, Refused, WeightsKind, kind_of

if TYPE_CHECKING:
    from torch import Tensor

LONGEST_CPU_SECONDS = 120
# Of the file's size: itself in memory, its tensors laid out anew, and as much again while one is written.
_MEMORY_FACTOR = 3
_SPARE_BYTES = 256 * 1024 * 1024
# Weights that two layers share stand once in the file and twice in what is stored.
_UNFOLDING = 2
_MOST_TENSORS = 50_000
_LONGEST_TENSOR_NAME = 512
_NAMED = 3
# Where training scripts keep the weights in a checkpoint, in the order in which they are looked for.
_WRAPPERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module"
)
_DEEPEST_WRAPPING = 3
_DTYPES = ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
_STATISTICS = ("running_mean", "running_var")
_VALUES_AT_ONCE = 1 << 22
_FOREIGN_OBJECT = re.compile(r"GLOBAL (\S+) was not an allowed global|whose module (\S+) is blocked")


def main(file: Path, out: Path) -> None:
    os.nice(10)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, LONGEST_CPU_SECONDS)
    size_bytes = file.stat().st_size
    try:
        _cap_memory(size_bytes)
        kind = kind_of(file)
        # Loading torch takes gigabytes of address space, and is no work of the file's.
        _limit(resource.RLIMIT_AS, None)
        import torch

        torch.set_num_threads(1)
        _cap_memory(size_bytes)
        told = take_in(file, kind, out)
    except Refused as refusal:
        told = {"refused": str(refusal)}
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        told = {"refused": f"needs far more memory than a file of its size should; {ALLOWED}. {SAVE}"}
    print(json.dumps(told))


def _cap_memory(size_bytes: int) -> None:
    """Allow so much more address space than is taken now; where the system does not tell, only time is capped."""
    taken = Path("/proc/self/statm")
    if taken.exists():
        now = int(taken.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        _limit(resource.RLIMIT_AS, now + _MEMORY_FACTOR * size_bytes + _SPARE_BYTES)


def _limit(which: int, wanted: int | None) -> None:
    """Set a limit of this process, within what the system allows it; None for as much as that."""
    _, hard = resource.getrlimit(which)
    unbounded = hard == resource.RLIM_INFINITY
    soft = hard if wanted is None else wanted if unbounded else min(wanted, hard)
    resource.setrlimit(which, (soft, hard))


def _out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "not enough memory" in str(error)


def take_in(file: Path, kind: WeightsKind, out: Path) -> dict[str, Any]:
    """Check the tensors of a file and write them to `out`, named by the digest of names, types, shapes and values.

    Returns id, tensors, parameters, size_bytes and notes as JSON; raises Refused, MemoryError.
    """
    state, notes = _state_dict(_read(file, kind))
    state, stripped = _without_prefixes(state)
    _check_sizes(state, file.stat().st_size)
    plain = _separate(state)
    infinite = _check_values(plain)
    weights_id = _digest(plain)
    target = out / f"{weights_id}.safetensors"
    if not target.exists():
        _write(plain, target)
    learned = [
        tensor.numel()
        for name, tensor in plain.items()
        if tensor.is_floating_point() and name.rpartition(".")[2] not in _STATISTICS
    ]
    return {
        "id": weights_id, "tensors": len(plain), "parameters": sum(learned), "size_bytes": target.stat().st_size,
        "notes": [*notes, *stripped, *infinite],
    }


def _read(file: Path, kind: WeightsKind) -> Any:
    """All that the file holds; raises Refused, MemoryError."""
    import torch
    from safetensors.torch import load_file

    try:
        if kind == "safetensors":
            return load_file(file)
        # Mapped, so that a large file costs its size once; the old format cannot be.
        return torch.load(file, map_location="cpu", weights_only=True, mmap=kind == "torch-zip")
    # Damaged files make both readers raise nearly anything; all but too little memory mean the same to the user.
    except Exception as error:
        if _out_of_memory(error):
            raise MemoryError from error
        found = _FOREIGN_OBJECT.search(str(error))
        if found:
            name = (found[1] or found[2])[:100]
            raise Refused(
                f"holds more than tensors ({name}), and reading such objects could run code; {ALLOWED}. {SAVE}"
            ) from error
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise Refused(f"cannot be read to its end ({type(error).__name__}). {AGAIN}") from error


def _state_dict(found: Any) -> tuple[dict[str, Tensor], list[str]]:
    """The named tensors of what was read, out of the wrappings that training scripts put around them."""
    from torch import Tensor

    notes: list[str] = []
    for _ in range(_DEEPEST_WRAPPING):
        if not isinstance(found, Mapping):
            raise Refused(f"holds a {type(found).__name__}, not tensors by name; {ALLOWED}. {SAVE}")
        wrapper = next((name for name in _WRAPPERS if isinstance(found.get(name), Mapping)), None)
        if wrapper is None:
            break
        left = [name for name in found if name != wrapper]
        notes.append(f"Read from its entry {wrapper}" + (f"; left out: {_listed(left)}." if left else "."))
        found = found[wrapper]
    tensors = {name: value for name, value in found.items() if isinstance(value, Tensor)}
    other = [name for name in found if name not in tensors]
    if not tensors:
        inside = f"only {_listed(other)}" if other else "nothing"
        raise Refused(f"has no tensors at its top, {inside}; {ALLOWED}. {SAVE}")
    for name in tensors:
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_TENSOR_NAME or name == "__metadata__":
            raise Refused(f"has a tensor named {str(name)[:40]!r}, which is no layer's name; {ALLOWED}. {SAVE}")
    if other:
        notes.append(f"Entries that are no tensors were left out: {_listed(other)}.")
    return tensors, notes


def _without_prefixes(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """What DataParallel and torch.compile put before or into every name is taken away."""
    notes = []
    for mark, origin in (("_orig_mod.", "torch.compile"), ("module.", "DataParallel"), ("_orig_mod.", "torch.compile")):
        if not all(name.startswith(mark) and len(name) > len(mark) for name in state):
            continue
        state = {name.removeprefix(mark): tensor for name, tensor in state.items()}
        notes.append(f'The prefix "{mark}" of {origin} was taken off every name.')
    return state, notes


def _check_sizes(state: Mapping[str, Tensor], size_bytes: int) -> None:
    """Refuses what is not made of plain dense numbers that the file itself holds."""
    import torch

    if len(state) > _MOST_TENSORS:
        raise Refused(f"has {len(state):,} tensors; allowed: up to {_MOST_TENSORS:,}.")
    allowed = {getattr(torch, name) for name in _DTYPES}
    for name, tensor in state.items():
        # A subclass, and tensors of a strange layout, would answer even the next questions with code of their own.
        if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.layout is not torch.strided:
            raise Refused(f"stores {name[:80]} in a special kind of tensor; allowed: dense tensors. {SAVE}")
        if tensor.is_meta:
            raise Refused(f"has no values for {name[:80]}; allowed: weights with values. {SAVE}")
        if tensor.dtype not in allowed:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise Refused(
                f"stores {name[:80]} as {kind}; allowed: {', '.join(_DTYPES)}. Convert it with model.float() first."
            )
    unfolded = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    if unfolded > _UNFOLDING * size_bytes:
        raise Refused(
            f"claims {unfolded:,} bytes of tensors in a file of {size_bytes:,}; allowed: tensors that the file holds. "
            f"{SAVE}"
        )
    if not any(tensor.is_floating_point() and tensor.numel() for tensor in state.values()):
        raise Refused(f"has no weights: no tensor of it holds fractions; {ALLOWED}. {SAVE}")


def _separate(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors, each with memory of its own: the format knows no other."""
    seen: set[int] = set()
    plain: dict[str, Tensor] = {}
    for name, tensor in state.items():
        tensor, storage = tensor.detach(), tensor.untyped_storage().data_ptr()
        plain[name] = tensor.clone().contiguous() if storage in seen else tensor.contiguous()
        seen.add(storage)
    return plain


def _digest(plain: Mapping[str, Tensor]) -> str:
    """16 hexadecimal digits of all names, types, shapes and values, in whatever form they came."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(plain):
        tensor = plain[name]
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\n".encode())
        # Without a copy: a tensor may be as large as all the memory that is left.
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def _write(plain: Mapping[str, Tensor], target: Path) -> None:
    """A crash leaves no half file under the final name."""
    from safetensors.torch import save_file

    temporary = target.with_name(f".{target.stem}.{os.getpid()}.part")
    try:
        save_file(dict(plain), temporary)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _check_values(plain: Mapping[str, Tensor]) -> list[str]:
    """Refuses NaN, with which every answer is NaN; infinite values are told, for some networks mask with them."""
    infinite = []
    for name, tensor in plain.items():
        if not tensor.is_floating_point():
            continue
        parts = tensor.reshape(-1).split(_VALUES_AT_ONCE)
        if any(bool(part.isnan().any()) for part in parts):
            raise Refused(
                f"has NaN in {name[:80]}, so that the network would answer NaN; allowed: numbers. "
                "Save the weights of an epoch before training diverged."
            )
        if any(bool(part.isinf().any()) for part in parts):
            infinite.append(name)
    return [f"Infinite values stand in {_listed(infinite)}."] if infinite else []


def _listed(names: list[Any]) -> str:
    shown = ", ".join(str(name)[:40] for name in names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Reads an untrusted weights file and stores it as safetensors.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    main(arguments.file, arguments.out)
