"""The lessons on real experiments: which of them are there already, and the start of those that are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from distill_core.access import Acting, Actor, needs
from distill_core.catalog import Catalogue
from distill_core.errors import SpecError
from distill_core.events import State
from distill_core.lessons import Lesson, load_lessons
from distill_core.spec import ExperimentSpec, parse_spec
from distill_core.spec_links import likeness
from distill_core.store.store import Store
from distill_core.store.transitions import ACTIVE

_ORDER: tuple[frozenset[State], ...] = (frozenset({"succeeded"}), frozenset(ACTIVE))


@dataclass(frozen=True)
class Standing:
    """An experiment's settings, complete, and the best experiment of these settings; an empty id if there is none."""

    spec: ExperimentSpec
    experiment_id: str = ""
    state: State | None = None

    @property
    def is_ready(self) -> bool:
        return self.state == "succeeded"

    @property
    def is_moving(self) -> bool:
        return self.state in ACTIVE

    @property
    def is_missing(self) -> bool:
        """Neither there nor on its way: it can be started."""
        return not (self.is_ready or self.is_moving)


class Classroom(Acting):
    """The lessons of one home. Thread-safe; loads no torch."""

    def __init__(
        self, store: Callable[[], Store], catalogue: Callable[[], Catalogue],
        launch: Callable[[Actor, ExperimentSpec, str], str],
    ) -> None:
        """`launch` queues a spec on behalf of somebody, once for each key, and returns the experiment's id."""
        self._store, self._catalogue, self._launch = store, catalogue, launch
        # A lesson's settings never change while the code runs; all twins share what was completed.
        self._complete: dict[str, ExperimentSpec] = {}

    @needs("viewer")
    def all(self) -> tuple[Lesson, ...]:
        """In the order in which they are taught."""
        return load_lessons()

    @needs("viewer")
    def spec(self, lesson: Lesson) -> ExperimentSpec:
        """A lesson's own settings, with every default filled in."""
        if lesson.name not in self._complete:
            self._complete[lesson.name] = self._catalogue().check(lesson.make_spec())
        return self._complete[lesson.name]

    @needs("viewer")
    def standing(self, spec: ExperimentSpec) -> Standing:
        """What there is of complete settings: a finished experiment before one on its way before one that failed."""
        found = self._alike(spec)
        for states in _ORDER:
            for experiment_id, state in found:
                if state in states:
                    return Standing(spec, experiment_id, state)
        return Standing(spec, *found[0]) if found else Standing(spec)

    @needs("viewer")
    def standings(self) -> list[tuple[Lesson, Standing]]:
        """Every lesson and what there is of its own experiment."""
        return [(lesson, self.standing(self.spec(lesson))) for lesson in load_lessons()]

    @needs("operator")
    def prepare(self) -> list[str]:
        """Queue the experiments of all lessons that have none, and return their ids. Raises what launching raises.

        Two presses at once make each experiment once.
        """
        return [self.start(standing.spec) for _, standing in self.standings() if standing.is_missing]

    @needs("operator")
    def start(self, spec: ExperimentSpec) -> str:
        """The id of an experiment of these complete settings; queued now unless one is there or on its way."""
        standing = self.standing(spec)
        if not standing.is_missing:
            return standing.experiment_id
        # The number makes another attempt possible once all that were there have failed or were deleted.
        key = f"lesson-{likeness(spec)}-{len(self._of_these_settings(spec))}"
        return self._launch(self.actor, spec, key)

    def _alike(self, spec: ExperimentSpec) -> list[tuple[str, State]]:
        """Experiments that make the same networks, the newest first, without those in the trash."""
        return [(found, state) for found, state, deleted in self._of_these_settings(spec) if not deleted]

    def _of_these_settings(self, spec: ExperimentSpec) -> list[tuple[str, State, bool]]:
        wanted, result = likeness(spec), []
        for experiment_id, state, deleted, stored in self._store().candidates(
            dataset=spec.data.dataset.name, teacher=spec.teacher.architecture.name,
            students=[student.name for student in spec.students], seeds=len(spec.seeds),
        ):
            try:
                # By today's settings: what an earlier version did not know has its default.
                same = likeness(parse_spec(stored)) == wanted
            except SpecError:
                # Another version's experiment that this one cannot read is not this one's.
                continue
            if same:
                result.append((experiment_id, state, deleted))
        return result
