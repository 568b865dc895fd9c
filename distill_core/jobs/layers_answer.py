"""The preview's answer to which inner layers networks have for a dataset: what the tap picker offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from distill_core.errors import Problem, SpecError
from distill_core.folders import Home
from distill_core.jobs.fetching import A_MOMENT, Fetching
from distill_core.jobs.remembering import forget_oldest
from distill_core.planned import digest
from distill_core.signature import Signature
from distill_core.spec import Choice
from distill_core.training.preparation import installed_catalogue
from distill_core.training.taps import list_taps


class LayersAnswer:
    """Remembers what it found, so that a form may ask at every change."""

    def __init__(self, home: Home, fetching: Fetching) -> None:
        self._home, self._catalogue, self._fetching = home, installed_catalogue(), fetching
        self._signatures: dict[str, Signature] = {}
        self._found: dict[str, list[dict[str, Any]]] = {}

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """{"teacher": layers, "student": layers}, each layer {"name", "kind", "shape"} in running order, `kind`
        being its class, such as Conv2d.

        The request holds the choices `dataset`, `teacher` and `student`. A network that does not fit the data has no
        layers. Raises SpecError, UnknownName or DataError.
        """
        names = ("dataset", "teacher", "student")
        dataset, teacher, student = (Choice.model_validate(request[name]) for name in names)
        plain = self._signature(dataset)
        signature = replace(plain, teacher=lambda: self._built(teacher, plain))
        return {
            "teacher": self._layers(teacher, teacher, signature), "student": self._layers(student, teacher, signature),
        }

    def _signature(self, dataset: Choice) -> Signature:
        entry, params = self._catalogue.datasets.resolve(dataset)
        key = digest([dataset.model_dump(mode="json"), entry.fingerprint(params)])
        if key not in self._signatures:
            self._fetching.wait_for(dataset, seconds=A_MOMENT)
            self._home.cache.mkdir(parents=True, exist_ok=True)
            self._signatures[key] = entry.load(params, self._home.cache).signature
            forget_oldest(self._signatures)
        return self._signatures[key]

    def _layers(self, choice: Choice, teacher: Choice, signature: Signature) -> list[dict[str, Any]]:
        key = digest([choice.model_dump(mode="json"), teacher.model_dump(mode="json"), signature.facts])
        if key not in self._found:
            try:
                network = self._built(choice, signature)
                self._found[key] = [
                    {"name": name, "kind": type(network.get_submodule(name)).__name__, "shape": list(size)}
                    for name, size in list_taps(network, signature).items()
                ]
            # Layers complain about small inputs in many ways; the deep check tells that in a sentence.
            except (RuntimeError, ValueError, IndexError, ZeroDivisionError):
                self._found[key] = []
            forget_oldest(self._found)
        return self._found[key]

    def _built(self, choice: Choice, signature: Signature) -> Any:
        entry, params = self._catalogue.architectures.resolve(choice)
        if not {signature.kind, signature.task} <= entry.traits:
            raise SpecError([Problem("architecture", choice.name, f"a network for {signature.noun}", "Choose one.")])
        if getattr(params, "pretrained", False):
            # Shapes do not depend on weights, which might first have to be fetched.
            params = params.model_copy(update={"pretrained": False})
        return entry.build(params, signature)
