"""Examines the kept networks of one seed, part by part; what an earlier worker had finished is not done again."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from distill_core.events import Noted
from distill_core.examination import attention, loss_line, maps, robustness, similarity
from distill_core.examination.bench import Bench
from distill_core.examined import VERSION, Attention, Examined, LossLine, Maps, Robustness, Similarity
from distill_core.folders import read_json, write_json
from distill_core.pipeline.context import Context
from distill_core.pipeline.examinees import Opening
from distill_core.pipeline.keeping import Keeper
from distill_core.training.preparation import Checked

EXAMINATION_STEP = ("examination", "Inside the networks")


class Work(Protocol):
    def __call__(self, bench: Bench) -> Examined | None: ...


@dataclass(frozen=True)
class Part:
    """One question. `examine` calls the bench's `go_on` as often as `units` says, and gives None if told to stop."""

    kind: type[Examined]
    units: Callable[[Bench], int]
    examine: Work


PARTS = (
    Part(Robustness, robustness.units, robustness.examine),
    Part(Similarity, similarity.units, similarity.examine),
    Part(Maps, maps.units, maps.examine),
    Part(Attention, attention.units, attention.examine),
    Part(LossLine, loss_line.units, loss_line.examine),
)


class _Progress:
    """Tells each finished unit, and whether to go on."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.done, self.total = 0, 0

    def __call__(self) -> bool:
        self.to(self.done + 1)
        return not self._context.should_stop()

    def to(self, done: int) -> None:
        self.done = done
        self._context.step(*EXAMINATION_STEP, "running", done=done, total=self.total)


def examine(checked: Checked, context: Context, keeper: Keeper, *, seed: int) -> None:
    """Write every part that is not there yet for these very weights; at the end raise what the first in trouble met."""
    progress = _Progress(context)
    opening = Opening(checked, context.folder, keeper, seed=seed)
    bench = opening.bench(progress)
    for note in opening.notes:
        context.emit(Noted(at=context.clock(), text=note))
    progress.total = sum(part.units(bench) for part in PARTS)
    trouble: Exception | None = None
    after = 0
    for part in PARTS:
        after += part.units(bench)
        place = context.folder.examination(seed, part.kind.part)
        if not _has(place, bench):
            try:
                began = time.perf_counter()
                found = part.examine(bench)
            # One part's trouble, such as a network that a layer cannot be read of, must not cost the others.
            except Exception as error:
                if trouble is not None:
                    context.emit(Noted(
                        at=context.clock(), level="warning", text=f"More of the examination failed: {error}",
                    ))
                # Its trace is told at the end; the networks and maps that it holds on to are not.
                traceback.clear_frames(error.__traceback__)
                trouble = trouble or error
                continue
            if found is None:
                context.step(*EXAMINATION_STEP, "waiting", done=progress.done, total=progress.total)
                return
            kept = found.model_copy(update={
                "seconds": round(time.perf_counter() - began, 2), "notes": (*opening.notes, *found.notes),
            })
            context.fence()
            write_json(place, kept.model_dump(mode="json"))
        progress.to(after)
    if trouble is not None:
        raise trouble
    context.step(*EXAMINATION_STEP, "finished", done=progress.total, total=progress.total)


def _has(place: Path, bench: Bench) -> bool:
    """Whether this was found before, of the same weights by the same version; a damaged file is written anew."""
    try:
        found = read_json(place)
        return bool(found["version"] == VERSION and found["digest"] == bench.digest)
    except (OSError, ValueError, KeyError, TypeError):
        return False
