"""Frozen sets of corrections: which samples the next experiment learns from and which are held back to check it."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from distill_core.errors import LabError
from distill_core.folders import Home, read_json, write_bytes, write_json
from distill_core.signature import InputKind
from distill_core.spec import Frozen

Source = Literal["drawn", "upload", "camera", "test", "typed"]
HELD_BACK_SHARE = 0.3
_DIGEST = re.compile(r"[0-9a-f]{16}")


class CorrectionsUnusable(LabError):
    """A set of corrections that is not there, is damaged, or does not fit the data."""


class CorrectedSample(Frozen):
    """One sample of a set. `sample_id` is the digest of its input, `learnt` False for one that is held back."""

    sample_id: str
    label: str
    """The right class, by its name."""
    source: Source
    test_index: int | None = None
    """Its row in the test set it came from; such a sample is never learnt."""
    text: str = ""
    learnt: bool


class SetFacts(Frozen):
    """All of a set but the inputs. `experiment_id` is the experiment whose answers were corrected."""

    experiment_id: str
    kind: InputKind
    samples: tuple[CorrectedSample, ...]

    @property
    def learnt(self) -> int:
        return sum(one.learnt for one in self.samples)

    @property
    def held_back(self) -> int:
        return len(self.samples) - self.learnt

    @property
    def from_test(self) -> int:
        """How many are test samples."""
        return sum(one.test_index is not None for one in self.samples)


@dataclass(frozen=True, eq=False)
class CorrectionSet:
    """A set with its inputs [n,*shape], as exported graphs take them; row i belongs to `facts.samples[i]`."""

    facts: SetFacts
    inputs: NDArray[np.generic]


def sample_id(inputs: NDArray[np.generic]) -> str:
    """16 hexadecimal digits that name an input by its numbers and shape."""
    exact = np.ascontiguousarray(inputs)
    head = f"{exact.dtype.str} {exact.shape} ".encode()
    return hashlib.sha256(head + exact.tobytes()).hexdigest()[:16]


def learnt_of(
    samples: Iterable[tuple[str, int | None]], earlier: Mapping[str, bool] | None = None
) -> dict[str, bool]:
    """For (sample id, test index) whether it is learnt from: a rule of the content alone, whatever the order.

    Test samples are held back, for test data never teach. Of the others about 30% are, at least one if there are two,
    those with the smallest ids. What an `earlier` set decided stays: what was learnt once can check nothing any more.
    """
    known = earlier or {}
    given = dict(samples)
    free = sorted(one for one, test_index in given.items() if test_index is None and one not in known)
    held = set(free[: max(1, round(HELD_BACK_SHARE * len(free)))] if len(free) > 1 else ())
    return {
        one: False if test_index is not None else known.get(one, one not in held)
        for one, test_index in given.items()
    }


def set_digest(facts: SetFacts) -> str:
    """What names a set; its inputs are named by the ids of its samples."""
    canonical = json.dumps(facts.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def write_set(home: Home, facts: SetFacts, inputs: Sequence[NDArray[np.generic]]) -> str:
    """Keep a set in the home folder and return its digest; the same set twice is one. Raises HomeUnusable."""
    digest = set_digest(facts)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, inputs=np.stack(inputs))
    with home.usable():
        write_json(home.corrections(digest).with_suffix(".json"), facts.model_dump(mode="json"))
        # Last: a set is there once its inputs are.
        write_bytes(home.corrections(digest), buffer.getvalue())
    return digest


def read_facts(home: Home, digest: str) -> SetFacts:
    """All of a set but its inputs. Raises CorrectionsUnusable."""
    if not _DIGEST.fullmatch(digest) or not home.corrections(digest).is_file():
        raise CorrectionsUnusable(
            f"There is no set of corrections {digest[:60]!r} in this home folder; start again from the experiment "
            "whose answers were corrected, or leave the corrections out."
        )
    try:
        facts = SetFacts.model_validate(read_json(home.corrections(digest).with_suffix(".json")))
    except (OSError, ValueError, ValidationError) as error:
        raise _damaged(digest) from error
    if set_digest(facts) != digest:
        raise _damaged(digest)
    return facts


def read_set(home: Home, digest: str) -> CorrectionSet:
    """A set, checked number by number against its name. Raises CorrectionsUnusable."""
    facts = read_facts(home, digest)
    inputs = read_inputs(home.corrections(digest))
    if inputs is None or [sample_id(one) for one in inputs] != [one.sample_id for one in facts.samples]:
        raise _damaged(digest)
    return CorrectionSet(facts=facts, inputs=inputs)


def read_inputs(path: Path) -> NDArray[Any] | None:
    """The array `inputs` of an npz file; None if it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as held:
            return np.asarray(held["inputs"])
    # A broken zip raises whatever the part it broke in raises.
    except Exception:
        return None


def _damaged(digest: str) -> CorrectionsUnusable:
    return CorrectionsUnusable(
        f"The set of corrections {digest} is damaged; start again from the experiment whose answers were corrected, or "
        "leave the corrections out."
    )
