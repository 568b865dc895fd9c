"""What a network is built for: the kind and shape of its input, its outputs and its task; loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from torch import nn

InputKind = Literal["image", "sequence", "text", "table"]
Task = Literal["classification", "tagging", "regression"]
INPUT_KINDS: tuple[InputKind, ...] = get_args(InputKind)
TASKS: tuple[Task, ...] = get_args(Task)
PADDING, UNKNOWN, MASK = 0, 1, 2
"""Token ids of every text dataset: what fills up short texts, words the vocabulary lacks, words taken away."""
NO_LABEL = -100
"""The label of a sample whose class the student must not know (PyTorch's usual ignore index)."""

_NOUNS: dict[InputKind, str] = {"image": "images", "sequence": "sequences", "text": "texts", "table": "rows"}
_INPUT_NAMES: dict[InputKind, str] = {"image": "pixels", "sequence": "steps", "text": "tokens", "table": "features"}


def noun_of(kind: InputKind) -> str:
    """What samples of a kind are called in words: images, sequences, texts, rows."""
    return _NOUNS[kind]


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One batch into a network and out of it.

    `shape` without the batch: image (C,H,W), sequence (L,F), text (L,), table (F,). Inputs are normalised float32, of
    texts token ids int64 in 0..vocabulary-1. The network answers [B,outputs], for tagging [B,L,outputs].
    `teacher` builds the untrained teacher's network, for architectures that are cut from it.
    """

    kind: InputKind
    shape: tuple[int, ...]
    outputs: int
    task: Task = "classification"
    vocabulary: int = 0
    teacher: Callable[[], nn.Module] | None = field(default=None, compare=False, repr=False)

    @property
    def noun(self) -> str:
        """What samples are called in words: images, sequences, texts, rows."""
        return noun_of(self.kind)

    @property
    def input_name(self) -> str:
        """The name of an exported graph's input."""
        return _INPUT_NAMES[self.kind]

    @property
    def output_name(self) -> str:
        """The name of an exported graph's output: of a regression, values in the data's own units."""
        return "values" if self.task == "regression" else "logits"

    @property
    def facts(self) -> list[str | int]:
        """All but the teacher, to name by what was computed for such networks."""
        return [self.kind, *self.shape, self.outputs, self.task, self.vocabulary]

    @property
    def answer_shape(self) -> tuple[int, ...]:
        """Of one sample's answer: (outputs,), for tagging (L, outputs)."""
        return (self.shape[0], self.outputs) if self.task == "tagging" else (self.outputs,)
