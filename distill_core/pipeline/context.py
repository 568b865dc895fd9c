"""What the steps of one experiment share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from distill_core.events import Emit, StepChanged, StepState
from distill_core.folders import ExperimentFolder
from distill_core.training.leading import Leader


@dataclass
class Context:
    """Where an experiment lives, whom it tells, and what was asked of it."""

    folder: ExperimentFolder
    emit: Emit
    should_stop: Callable[[], bool]
    clock: Callable[[], float]
    reuse: Mapping[str, str]
    request: Mapping[str, Any]
    checkpoint_seconds: float
    fence: Callable[[], None] = lambda: None
    """Called right before anything is kept; it does not return if another process was given the folder."""
    leader: Leader | None = None
    """While networks are trained by several processes: leads them."""
    told: set[str] = field(default_factory=set)
    """Notes that need no telling again."""

    @property
    def may_train(self) -> bool:
        return bool(self.request.get("train", True))

    @property
    def examines(self) -> int | None:
        """The seed whose networks are to be examined, where that is what was asked for."""
        asked = self.request.get("examine")
        return None if asked is None else int(asked["seed"])

    def dismiss(self) -> None:
        """The processes that shared the training leave; what follows is this one's alone."""
        if self.leader is not None:
            self.leader.dismiss()
            self.leader = None

    def step(
        self,
        name: str,
        title: str,
        state: StepState,
        *,
        done: int = 0,
        total: int = 0,
        expected_seconds: float | None = None,
    ) -> None:
        self.emit(
            StepChanged(
                at=self.clock(),
                step=name,
                title=title,
                state=state,
                done=done,
                total=total,
                expected_seconds=expected_seconds,
            )
        )
