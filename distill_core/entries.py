"""What a catalogue entry is, one type a registry, and the registries that collect them; loads no torch."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from pydantic import ValidationError

from distill_core.errors import Problem, SpecError, UnknownName
from distill_core.spec import Choice, Frozen
from distill_core.spec_problems import problems_of

if TYPE_CHECKING:
    from torch import nn

    from distill_core.compression_step import Step
    from distill_core.datasets.samples import Samples
    from distill_core.executors.executor import Executor
    from distill_core.exporters.exporter import Exporter
    from distill_core.folders import ExperimentFolder
    from distill_core.generators.variants import VariantMaker
    from distill_core.losses.term import TapShapes, TermFunction
    from distill_core.signature import Signature

Kind = Literal["architecture", "dataset", "loss", "generator", "executor", "exporter", "compression step"]


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
    usual_weight: float = 1.0
    """Of a loss: about what published code weighs it by, where a form starts."""
    label: str = ""
    """Of a compression step: a few words that name what it makes, parameters in braces as `str.format` has them."""
    strength: str = ""
    """Of a compression step: the parameter that says how strong it is, if one does."""
    code: str = ""
    """Digest of what defines the entry, set where it is discovered: whoever mends it trains anew."""

    @property
    def reads_taps(self) -> bool:
        """Of a loss: whether it reads a layer of each network."""
        return not self.traits.isdisjoint({"map", "embedding"})

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
        default = "empty" if known.default == "" else known.default
        return replace(problem, remedy=f"The default is {default}.")

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "summary": self.summary,
            "source": self.source,
            "traits": sorted(self.traits),
            "usual_weight": self.usual_weight,
            "label": self.label,
            "strength": self.strength,
            "schema": self.params.model_json_schema(),
        }


Tell = Callable[[str], None]
"""Told how far something is, in a few words."""


def silent(line: str) -> None:
    """For who shows no progress."""


class Loader(Protocol):
    """How a dataset is read."""

    def __call__(self, params: Any, cache: Path, tell: Tell = ...) -> Samples: ...


@dataclass(frozen=True, kw_only=True)
class ArchitectureEntry(Entry):
    """`build(params, signature)` returns a module that maps a batch of inputs to answers as the signature says.

    It raises ValueError, in one sentence, for a signature it cannot fit. Its children stand in the order in which they
    are run, so that it can be cut, and nothing but what `parameters()` and `buffers()` hold changes its answers.
    Traits: the kinds of input and the tasks it fits; `cut` if it is cut from the teacher; `pretrained` if its parameter
    `pretrained` fetches weights.
    """

    build: Callable[[Any, Signature], nn.Module]


@dataclass(frozen=True, kw_only=True)
class DatasetEntry(Entry):
    """`load(params, cache, tell)` reads the data, keeping decoded copies in the folder `cache`; what takes its time
    tells how far it is, a line at a time.

    `fingerprint(params)` changes whenever the data do, and is cheap.
    Traits: the kinds of input and the tasks it can be; where there are several of either, a parameter `kind` or `task`
    tells. `folder` or `file` if its parameter `path` must be a folder or file that exists. `download` if it is fetched
    when it is first loaded.
    """

    load: Loader
    fingerprint: Callable[[Any], str]


@dataclass(frozen=True, kw_only=True)
class LossEntry(Entry):
    """`build(params, shapes)` returns a function of a step's tensors to a scalar loss.

    Traits: the tasks it fits; `teacher` if it reads the teacher, `labels` if it reads labels, `alone` if it is what a
    student trained alone minimises; `map` or `embedding` if it reads a tap of each network, chosen by its parameters
    `student_tap` and `teacher_tap` (see losses.term.TapParams), so that `shapes` are those of the taps; `weights` if it
    reads both networks' weights. A returned nn.Module's parameters are trained and kept with the student. Raises
    ValueError, in one sentence, for taps that it cannot pair.
    """

    build: Callable[[Any, TapShapes | None], TermFunction]


@dataclass(frozen=True, kw_only=True)
class GeneratorEntry(Entry):
    """`build(params)` returns what makes variants of a batch of samples.

    Traits: the kinds of input it fits; `mixes` if a variant has two labels.
    """

    build: Callable[[Any], VariantMaker]


@dataclass(frozen=True, kw_only=True)
class CompressionEntry(Entry):
    """`build(params)` returns what one step does: see compression_step.

    Traits: the kinds of input and the tasks it fits; one of `network` (it changes the network), `trains` (it trains it
    further), `file` (it changes the exported graph, after which nothing but files can be changed) and `series` (it
    stands for several steps). `low-bit` if it leaves weights of few bits.
    """

    build: Callable[[Any], Step]
    strengths: tuple[float, ...] = ()
    """Of a step that changes the network: the values of `strength` that a sensitivity curve tries."""


@dataclass(frozen=True, kw_only=True)
class ExecutorEntry(Entry):
    """`build(params, command)` returns something that starts, watches and ends workers, each as `command FOLDER`.

    `problem()` tells in a sentence what is wrong with its settings, None if nothing is; it is quick and asks nobody.
    """

    build: Callable[[Any, Sequence[str]], Executor]
    problem: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, kw_only=True)
class ExporterEntry(Entry):
    """`build(params, folder, position)` returns what writes an experiment's records into another tool.

    `position` is what the exporter's last `flush` returned, in this or an earlier process; empty at first. `why_off()`
    tells in a sentence why the tool is not written to, None if it is; it is quick and loads nothing. `look(home)` tells
    how to look at what was written: a command or an address.
    """

    build: Callable[[Any, ExperimentFolder, Mapping[str, int]], Exporter]
    why_off: Callable[[], str | None]
    look: Callable[[Path], str]


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


def _code_of(file: Path, package: str) -> str:
    """Digest of a plug-in's file and of those of its own package that it imports, however indirectly."""
    imports = re.compile(rf"^from {re.escape(package)}\.(\w+) import", re.MULTILINE)
    found: dict[Path, str] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path not in found and path.exists():
            found[path] = path.read_text(encoding="utf-8")
            waiting += [file.with_name(f"{name}.py") for name in imports.findall(found[path])]
    return hashlib.sha256("".join(found[path] for path in sorted(found)).encode()).hexdigest()[:16]


def discover(kind: Kind, package: str, path: Iterable[str], entry_type: type[E]) -> Registry[E]:
    """Import every module of a plug-in package and collect what it calls `ENTRY` or `ENTRIES`."""
    entries: list[E] = []
    for module_info in pkgutil.iter_modules(path):
        module = importlib.import_module(f"{package}.{module_info.name}")
        found = [module.ENTRY] if hasattr(module, "ENTRY") else list(getattr(module, "ENTRIES", ()))
        code = _code_of(Path(str(module.__file__)), package)
        for entry in found:
            if not isinstance(entry, entry_type):
                raise TypeError(f"{module.__name__} offers {entry!r}, not a {entry_type.__name__}")
            entries.append(replace(entry, code=code))
    return Registry(kind, entries)
