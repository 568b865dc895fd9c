"""The registries of what can be chosen, and the check of a spec against them; loads no torch."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import Field, ValidationError, create_model

from distill_core.errors import Problem, SpecError, UnknownName
from distill_core.spec import Choice, ExperimentSpec, Frozen, problems_of

if TYPE_CHECKING:
    from torch import nn

    from distill_core.datasets.image_data import ImageData
    from distill_core.executors.executor import Executor
    from distill_core.losses.term import TermFunction

Kind = Literal["architecture", "dataset", "loss", "executor"]


class Params(Frozen):
    """Base of an entry's parameters: flat fields with defaults, bounds and descriptions."""


P = TypeVar("P", bound=Params)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a form, the command line and the docs need to know of one choice."""

    name: str
    title: str
    summary: str
    source: str
    params: type[Params]
    traits: frozenset[str] = field(default_factory=frozenset)
    code: str = ""
    """Digest of the file that defines the entry, set where it is discovered: whoever mends it trains anew."""

    def resolve(self, params: Mapping[str, Any], *, at: str = "params") -> Params:
        """Typed parameters with defaults filled in; raises SpecError naming fields below `at`."""
        try:
            return self.params.model_validate(dict(params))
        except ValidationError as error:
            raise SpecError([self._with_remedy(problem) for problem in problems_of(error, prefix=at)]) from None

    def _with_remedy(self, problem: Problem) -> Problem:
        """Out of bounds, the default is a safe way back."""
        known = self.params.model_fields.get(problem.field.rsplit(".", 1)[-1])
        if problem.remedy or known is None or known.is_required():
            return problem
        return replace(problem, remedy=f"The default is {known.default}.")

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "summary": self.summary,
            "source": self.source,
            "traits": sorted(self.traits),
            "schema": self.params.model_json_schema(),
        }


@dataclass(frozen=True, kw_only=True)
class ArchitectureEntry(Entry):
    """`build(params, shape, classes)` returns a module mapping float [B,C,H,W] to logits [B,classes]."""

    build: Callable[[Any, tuple[int, ...], int], nn.Module]


@dataclass(frozen=True, kw_only=True)
class DatasetEntry(Entry):
    """`load(params, cache)` reads the data, keeping decoded copies in the folder `cache`;

    `fingerprint(params)` changes whenever the data do, and is cheap.
    Trait: `folder` if its parameter `path` must be a folder that exists.
    """

    load: Callable[[Any, Path], ImageData]
    fingerprint: Callable[[Any], str]


@dataclass(frozen=True, kw_only=True)
class LossEntry(Entry):
    """`build(params)` returns a function of a step's tensors to a scalar loss.

    Traits: `teacher` if it reads the teacher's outputs, `labels` if it reads labels.
    """

    build: Callable[[Any], TermFunction]


@dataclass(frozen=True, kw_only=True)
class ExecutorEntry(Entry):
    """`build(params, command)` returns something that starts, watches and ends workers, each as `command FOLDER`."""

    build: Callable[[Any, Sequence[str]], Executor]


E = TypeVar("E", bound=Entry)


class Registry(Generic[E]):
    """Entries of one kind by name, in the order of their titles."""

    def __init__(self, kind: Kind, entries: Iterable[E]) -> None:
        self.kind = kind
        self._entries: dict[str, E] = {}
        for entry in sorted(entries, key=lambda entry: entry.title.lower()):
            if entry.name in self._entries:
                raise ValueError(f"two {kind} entries are named {entry.name!r}")
            self._entries[entry.name] = entry

    def __getitem__(self, name: str) -> E:
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownName(self.kind, name, list(self._entries)) from None

    def __iter__(self) -> Iterator[E]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def names(self) -> list[str]:
        return list(self._entries)

    def resolve(self, choice: Choice) -> tuple[E, Any]:
        entry = self[choice.name]
        return entry, entry.resolve(choice.params, at=f"{choice.name}.params")


def discover(kind: Kind, package: str, path: Iterable[str], entry_type: type[E]) -> Registry[E]:
    """Import every module of a plug-in package and collect what it calls `ENTRY` or `ENTRIES`."""
    entries: list[E] = []
    for module_info in pkgutil.iter_modules(path):
        module = importlib.import_module(f"{package}.{module_info.name}")
        found = [module.ENTRY] if hasattr(module, "ENTRY") else list(getattr(module, "ENTRIES", ()))
        code = hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest()[:16]
        for entry in found:
            if not isinstance(entry, entry_type):
                raise TypeError(f"{module.__name__} offers {entry!r}, not a {entry_type.__name__}")
            entries.append(replace(entry, code=code))
    return Registry(kind, entries)


@dataclass(frozen=True)
class Catalogue:
    """All registries together; from real entries beside torch, or from JSON without it."""

    architectures: Registry[Any]
    datasets: Registry[Any]
    losses: Registry[Any]
    executors: Registry[Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "architectures": [entry.to_json() for entry in self.architectures],
            "datasets": [entry.to_json() for entry in self.datasets],
            "losses": [entry.to_json() for entry in self.losses],
            "executors": [entry.to_json() for entry in self.executors],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Catalogue:
        def registry(kind: Kind, items: Iterable[Mapping[str, Any]]) -> Registry[Entry]:
            return Registry(kind, [_entry_from_json(item) for item in items])

        return cls(
            architectures=registry("architecture", data["architectures"]),
            datasets=registry("dataset", data["datasets"]),
            losses=registry("loss", data["losses"]),
            executors=registry("executor", data["executors"]),
        )

    def check(self, spec: ExperimentSpec) -> ExperimentSpec:
        """The spec with every default filled in; raises SpecError with all problems of all fields."""
        problems: list[Problem] = []

        def complete(registry: Registry[Any], choice: Choice, at: str) -> Choice:
            try:
                entry = registry[choice.name]
                params = entry.resolve(choice.params, at=f"{at}.params")
            except UnknownName as error:
                problems.append(Problem(f"{at}.name", choice.name, ", ".join(registry.names), error.sentence))
                return choice
            except SpecError as error:
                problems.extend(error.problems)
                return choice
            return Choice(name=choice.name, params=params.model_dump(mode="json"))

        dataset = complete(self.datasets, spec.data.dataset, "data.dataset")
        teacher = complete(self.architectures, spec.teacher.architecture, "teacher.architecture")
        students = []
        for index, student in enumerate(spec.students):
            at = f"students.{index}"
            terms = tuple(
                term.model_copy(update={"loss": complete(self.losses, term.loss, f"{at}.terms.{number}.loss")})
                for number, term in enumerate(student.terms)
            )
            architecture = complete(self.architectures, student.architecture, f"{at}.architecture")
            students.append(student.model_copy(update={"architecture": architecture, "terms": terms}))
        if not problems:
            problems += self._check_transfer(students)
        if problems:
            raise SpecError(problems)
        return spec.model_copy(
            update={
                "data": spec.data.model_copy(update={"dataset": dataset}),
                "teacher": spec.teacher.model_copy(update={"architecture": teacher}),
                "students": tuple(students),
            }
        )

    def _check_transfer(self, students: Iterable[Any]) -> Iterator[Problem]:
        for index, student in enumerate(students):
            if student.transfer == "all" and not self.needs_teacher(student):
                yield Problem(
                    f"students.{index}.transfer",
                    "all",
                    "labelled, for a student without a teacher's term",
                    "Samples without labels teach nothing without a teacher: add a teacher's term or choose labelled.",
                )

    def needs_teacher(self, student: Any) -> bool:
        """Whether any weighted term of the student reads the teacher's outputs."""
        return any(term.weight > 0 and "teacher" in self.losses[term.loss.name].traits for term in student.terms)


def _entry_from_json(item: Mapping[str, Any]) -> Entry:
    """An entry whose parameters are rebuilt from their schema, so that both sides refuse alike."""
    schema = item["schema"]
    required = set(schema.get("required", ()))
    fields: dict[str, Any] = {}
    for name, prop in schema.get("properties", {}).items():
        default = ... if name in required else prop.get("default")
        fields[name] = (
            _python_type(prop),
            Field(
                default,
                title=prop.get("title"),
                description=prop.get("description"),
                **{ours: prop[theirs] for theirs, ours in _BOUND_NAMES.items() if theirs in prop},
            ),
        )
    params = create_model(schema.get("title", "Params"), __base__=Params, __doc__=schema.get("description"), **fields)
    return Entry(
        name=item["name"],
        title=item["title"],
        summary=item["summary"],
        source=item["source"],
        params=params,
        traits=frozenset(item["traits"]),
    )


_BOUND_NAMES = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "pattern": "pattern",
}
_TYPES: dict[str, Any] = {"integer": int, "number": float, "boolean": bool, "string": str, "null": type(None)}


def _python_type(prop: Mapping[str, Any]) -> Any:
    """The Python type of a flat JSON-schema property; nested objects are not offered in Params."""
    if "anyOf" in prop:
        result = _python_type(prop["anyOf"][0])
        for option in prop["anyOf"][1:]:
            result = result | _python_type(option)
        return result
    if "const" in prop:
        return Literal[prop["const"]]
    if "enum" in prop:
        return Literal[tuple(prop["enum"])]
    if prop.get("type") == "array":
        item: Any = _python_type(prop["items"])
        return tuple[item, ...]
    return _TYPES[prop["type"]]
