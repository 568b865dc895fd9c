"""A few test inputs with the answers expected of an exported graph, and what tells how to read them; loads no torch."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.deployment.parity import TOLERANCE, as_inputs, in_own_units
from distill_core.folders import write_bytes
from distill_core.ingestion.words import HOW_WORDS_ARE_SPLIT, WORD_PATTERN
from distill_core.signature import Signature

_FACTS = "facts"


@dataclass(frozen=True)
class Facts:
    """What the user of a graph must know of its input and answers.

    Of texts only: `words`, the token of each id; `splitting`, how a text becomes tokens, in words; and `pattern` for
    Python's re.findall on the text in Unicode form NFC and lower case, empty where a text is split in another way.
    Kept at export: a later version may split otherwise.
    """

    signature: Signature
    words: tuple[str, ...] = ()
    splitting: str = ""
    pattern: str = ""
    quantized: bool = False
    """Whether the graph computes in integers, whose kernels round differently on other processors."""

    def to_json(self) -> dict[str, Any]:
        held = self.signature
        return {
            "kind": held.kind, "shape": list(held.shape), "outputs": held.outputs, "task": held.task,
            "vocabulary": held.vocabulary, "words": list(self.words), "splitting": self.splitting,
            "pattern": self.pattern, "quantized": self.quantized,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Facts:
        signature = Signature(
            kind=data["kind"], shape=tuple(data["shape"]), outputs=data["outputs"], task=data["task"],
            vocabulary=data["vocabulary"],
        )
        return cls(
            signature=signature, words=tuple(data["words"]), splitting=data["splitting"], pattern=data["pattern"],
            quantized=data.get("quantized", False),
        )


def write_test_samples(
    path: Path,
    inputs: NDArray[np.generic],
    labels: NDArray[np.generic],
    expected_logits: NDArray[np.floating],
    *,
    signature: Signature,
    words: Sequence[str] = (),
    splitting: str = "",
    label_mean: Sequence[float] = (),
    label_std: Sequence[float] = (),
    count: int = 32,
    quantized: bool = False,
) -> None:
    """Write up to `count` test samples, evenly spread, as one npz file with what tells how to read it.

    `splitting` says how a text becomes words; empty: as ingestion.words does it.
    `inputs` [N,*shape] as they are stored, `labels` and `expected_logits` as the network sees and gives them.
    The file: x as the graph takes it; y int64 [n] or [n,L], NO_LABEL where there is none; expected_logits [n,K] or
    [n,L,K]. Of a regression y and expected_values [n,D] in the data's own units, and the `tolerance` [D] of its values.
    Raises ValueError for texts without words.
    """
    if signature.kind == "text" and len(words) != signature.vocabulary:
        raise ValueError(f"{len(words)} words for a vocabulary of {signature.vocabulary}; give one for each token id")
    rows = np.unique(np.linspace(0, len(inputs) - 1, min(count, len(inputs))).round().astype(np.int64))
    arrays: dict[str, NDArray[Any]] = {"x": as_inputs(inputs[rows], signature)}
    if signature.task == "regression":
        arrays["y"] = in_own_units(labels[rows].astype(np.float64), label_mean, label_std).astype(np.float32)
        arrays["expected_values"] = in_own_units(expected_logits[rows], label_mean, label_std).astype(np.float32)
        arrays["tolerance"] = TOLERANCE * (np.asarray(label_std) if len(label_std) else np.ones(signature.outputs))
    else:
        arrays["y"] = labels[rows].astype(np.int64)
        arrays["expected_logits"] = expected_logits[rows].astype(np.float32)
    facts = Facts(signature=signature, words=tuple(words), quantized=quantized)
    if words:
        ours = splitting in ("", HOW_WORDS_ARE_SPLIT)
        facts = replace(facts, splitting=splitting or HOW_WORDS_ARE_SPLIT, pattern=WORD_PATTERN if ours else "")
    held = json.dumps(facts.to_json(), ensure_ascii=False).encode()
    write_bytes(path, _packed({**arrays, _FACTS: np.frombuffer(held, dtype=np.uint8)}))


def read_test_samples(path: Path) -> tuple[Facts, dict[str, NDArray[Any]]]:
    """The facts, and the arrays without them."""
    with np.load(path, allow_pickle=False) as held:
        arrays = dict(held.items())
    content = arrays.pop(_FACTS, None)
    if content is not None:
        return Facts.from_json(json.loads(content.tobytes())), arrays
    # Written before there was anything but images.
    shape = tuple(int(size) for size in arrays["x"].shape[1:])
    return Facts(signature=Signature(kind="image", shape=shape, outputs=arrays["expected_logits"].shape[1])), arrays


def shipped_samples(arrays: dict[str, NDArray[Any]]) -> bytes:
    """The arrays alone as an npz file: a bundle tells the facts in files that people can read."""
    return _packed(arrays)


def _packed(arrays: dict[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
