"""What the preview process answers with torch: the deep check, and figures of untrained networks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from distill_core.deployment.latency import measure
from distill_core.deployment.machine import machine_name
from distill_core.deployment.onnx_export import export_onnx
from distill_core.deployment.profile import Profile, profile
from distill_core.errors import HelperUnavailable
from distill_core.events import LatencyRow
from distill_core.executors.devices import default_threads
from distill_core.fitting import low_bit_warnings
from distill_core.folders import Home, RunFolder
from distill_core.jobs.fetching import Fetching
from distill_core.jobs.layers_answer import LayersAnswer
from distill_core.jobs.remembering import forget_oldest
from distill_core.jobs.sweep_answer import sweep_answer
from distill_core.jobs.teacher_answer import TeacherAnswer
from distill_core.jobs.variants_answer import variants_answer
from distill_core.pipeline import Checked, deep_check
from distill_core.planned import digest
from distill_core.processes import lock_held
from distill_core.spec import Choice, ExperimentSpec, parse_spec
from distill_core.sweeps.cells import network_key
from distill_core.training.assembly import load_network
from distill_core.training.preparation import installed_catalogue
from distill_core.training.timing import choose_threads, estimate_seconds

_GIVEN_UP = "The request was given up before its turn came."
BUSY_REASON = "a training is running; measured when the device is free"
WARM_UP, REPEATS, LONGEST_SECONDS = 10, 100, 0.5


@dataclass(frozen=True)
class _Figures:
    """What is known of one architecture on one shape of image; `latency` None: not measured yet."""

    profile: Profile
    onnx_size_bytes: int
    latency: tuple[LatencyRow, ...] | None


class PreviewAnswers:
    """Remembers figures of networks and time estimates, so that moving a slider measures nothing again."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._machine = machine_name()
        self._figures: dict[str, _Figures] = {}
        self._fetching = Fetching(home, installed_catalogue())
        self._layers = LayersAnswer(home, self._fetching)
        self._teachers = TeacherAnswer()
        self._estimates: dict[str, dict[str, float]] = {}

    def profile(self, request: Mapping[str, Any], gone: Callable[[], bool]) -> dict[str, Any]:
        """The completed spec, what it runs on, figures of its untrained networks, and an estimate of the time.

        With `busy` nothing is measured: beside a training, latency would be wrong. `reused` names runs that will not
        be trained again and `trained` the folders of all that are: TeacherAnswer tells how fit such a teacher is.
        Raises SpecError, DataError or DeviceError.
        """
        checked, busy = self._checked(request, gone), bool(request.get("busy", False))
        students = _by_architecture(checked)
        teachers = [one.architecture for one in checked.spec.teachers]
        figures = self._measured(checked, [*teachers, *(choice for choice, _ in students)], gone, busy=busy)
        teacher_figures = figures[self._key(checked, teachers[0])]
        networks = [
            self._network("teacher", run.name, [], choice, figures[self._key(checked, choice)], teacher_figures)
            for run, choice in zip(checked.plan.teachers, teachers, strict=True)
        ]
        for choice, names in students:
            name = _describe(choice, checked)
            found = figures[self._key(checked, choice)]
            networks.append(self._network("student", name, names, choice, found, teacher_figures))
        reused = frozenset(str(run_id) for run_id in request.get("reused", ()))
        trained = {str(run_id): str(place) for run_id, place in request.get("trained", {}).items()}
        return _summary(checked) | {
            "networks": networks,
            "teacher": self._teachers.answer(checked, trained),
            "estimate_seconds": self._estimate(checked, reused, gone, busy=busy),
            "warnings": [
                *checked.data.notes, *_warnings(networks, busy=busy),
                *low_bit_warnings(checked.spec, checked.catalogue),
            ],
        }

    def sweep(self, request: Mapping[str, Any], gone: Callable[[], bool]) -> dict[str, Any]:
        """`networks` of the students of the spec, a sweep's probe, and what its `rounds` will take: see sweep_answer.

        Each network has a `key` as sweeps.cells.network_key makes it. `reused` and `busy` as for `profile`.
        """
        checked, busy = self._checked(request, gone), bool(request.get("busy", False))
        students = [choice for choice, _ in _by_architecture(checked)]
        figures = self._measured(checked, students, gone, busy=busy)
        networks = []
        for choice in students:
            found = figures[self._key(checked, choice)]
            networks.append({
                "key": network_key(choice), "architecture": choice.model_dump(mode="json"),
                "title": _describe(choice, checked), "parameters": found.profile.parameters,
                "size_bytes": found.onnx_size_bytes, "latency": found.latency[0].p50 if found.latency else None,
            })
        told = sweep_answer(
            checked, [parse_spec(spec) for spec in request.get("rounds", ())],
            frozenset(str(run_id) for run_id in request.get("reused", ())),
            estimate=lambda one, reused: self._estimate(one, reused, gone, busy=busy),
        )
        return told | {"networks": networks, "warnings": [*checked.data.notes, *_warnings((), busy=busy)]}

    def check(self, request: Mapping[str, Any], gone: Callable[[], bool]) -> dict[str, Any]:
        """Nothing but the deep check: the completed spec. Raises SpecError, DataError or DeviceError.

        While data are still being fetched nothing is checked here: the experiment does it once they have come.
        """
        spec = _spec_of(request, gone)
        if not self._fetching.still(spec.data.dataset):
            spec = deep_check(spec, home=self._home).spec
        return {"spec": spec.to_json()}

    def layers(self, request: Mapping[str, Any], gone: Callable[[], bool]) -> dict[str, Any]:
        """The inner layers of the networks chosen: see LayersAnswer."""
        return self._layers.answer(request)

    def variants(self, request: Mapping[str, Any], gone: Callable[[], bool]) -> dict[str, Any]:
        """Samples, what a generator makes of them, and the teacher's soft labels if it is among the `trained`.

        `trained` maps run ids to run folders. See variants_answer.
        """
        checked = self._checked(request, gone)
        run = checked.plan.teacher
        place = request.get("trained", {}).get(run.run_id)
        teacher = load_network(checked, run, load_file(RunFolder(Path(place)).model)) if place else None
        generator, temperature = Choice.model_validate(request["generator"]), float(request.get("temperature", 4.0))
        return variants_answer(checked, generator, teacher=teacher, temperature=temperature)

    def _checked(self, request: Mapping[str, Any], gone: Callable[[], bool]) -> Checked:
        spec = _spec_of(request, gone)
        self._fetching.wait_for(spec.data.dataset)
        return deep_check(spec, home=self._home)

    @contextmanager
    def _quiet(self, gone: Callable[[], bool]) -> Iterator[None]:
        """Nobody measures latency meanwhile: the steps and exports made here would spoil it."""
        with lock_held(self._home.measuring_lock, should_stop=gone) as held:
            if not held:
                raise HelperUnavailable(_GIVEN_UP)
            yield

    def _key(self, checked: Checked, choice: Choice) -> str:
        whole = checked.spec.teacher.architecture.model_dump(mode="json")
        cut = whole if "cut" in checked.catalogue.architectures[choice.name].traits else None
        return digest([choice.model_dump(mode="json"), checked.data.signature.facts, cut])

    def _measured(
        self, checked: Checked, choices: Sequence[Choice], gone: Callable[[], bool], *, busy: bool
    ) -> dict[str, _Figures]:
        """Figures of every choice by key; what is not yet known is exported and measured now, side by side."""
        by_key = {self._key(checked, choice): choice for choice in choices}
        lacking = {
            key: choice for key, choice in by_key.items()
            if key not in self._figures or (self._figures[key].latency is None and not busy)
        }
        if lacking:
            with self._quiet(gone):
                self._measure(checked, lacking, busy=busy)
        result = {key: self._figures[key] for key in by_key}
        forget_oldest(self._figures)
        return result

    def _measure(self, checked: Checked, lacking: Mapping[str, Choice], *, busy: bool) -> None:
        data = checked.data
        with tempfile.TemporaryDirectory(prefix="distill-preview-") as folder:
            paths = {key: Path(folder) / f"{key}.onnx" for key in lacking}
            for key, choice in lacking.items():
                network = _as_if_trained(checked.network(choice, seed=0))
                size = export_onnx(
                    network, paths[key], signature=data.signature, mean=data.mean, std=data.std,
                    label_mean=data.label_mean, label_std=data.label_std,
                )
                self._figures[key] = _Figures(profile(network, signature=data.signature), size, None)
            if not busy:
                rows = measure(
                    paths, batches=(1,), threads=(1,), warmup=WARM_UP, repeats=REPEATS, signature=data.signature,
                    machine=self._machine, longest_seconds=LONGEST_SECONDS,
                )
                for key, latency in rows.items():
                    known = self._figures[key]
                    self._figures[key] = _Figures(known.profile, known.onnx_size_bytes, latency)

    def _network(
        self, role: str, name: str, students: Sequence[str], choice: Choice, figures: _Figures, teacher: _Figures
    ) -> dict[str, Any]:
        latency = figures.latency
        return {
            "role": role, "name": name, "students": list(students), "architecture": choice.name,
            "params": choice.params,
            "parameters": figures.profile.parameters, "macs": figures.profile.macs,
            "size_bytes": figures.profile.size_bytes,
            "compression_ratio": teacher.profile.parameters / max(figures.profile.parameters, 1),
            "onnx_size_bytes": figures.onnx_size_bytes,
            "latency": None if latency is None else [row.model_dump(mode="json") for row in latency],
            "latency_reason": BUSY_REASON if latency is None else "",
        }

    def _estimate(
        self, checked: Checked, reused: frozenset[str], gone: Callable[[], bool], *, busy: bool
    ) -> dict[str, float]:
        # By place, not by id: ids change with every slider, what is left to train does not.
        left = [number for number, run in enumerate(checked.plan.runs) if run.run_id not in reused]
        key = digest([_what_takes_time(checked.spec), checked.here.fingerprint, checked.device_kind, left, busy])
        if key not in self._estimates:
            with self._quiet(gone):
                choose_threads(checked, most=default_threads(), should_stop=gone)
                found = estimate_seconds(checked, should_stop=gone, skip=reused)
            if gone():
                raise HelperUnavailable("The request was given up before its answer was ready.")
            self._estimates[key] = found
            forget_oldest(self._estimates)
        return self._estimates[key]


def _spec_of(request: Mapping[str, Any], gone: Callable[[], bool]) -> ExperimentSpec:
    # A page whose form changed again does not wait for the old answer.
    if gone():
        raise HelperUnavailable(_GIVEN_UP)
    return parse_spec(request.get("spec"))


def _summary(checked: Checked) -> dict[str, Any]:
    return {
        "spec": checked.spec.to_json(), "fingerprint": checked.here.fingerprint, "device_kind": checked.device_kind,
        "counts": checked.counts, "shape": list(checked.data.shape), "class_names": list(checked.data.class_names),
        "notes": list(checked.data.notes),
        "runs": [
            {"run_id": run.run_id, "role": run.role, "name": run.name, "seed": run.seed} for run in checked.plan.runs
        ],
    }


def _by_architecture(checked: Checked) -> list[tuple[Choice, list[str]]]:
    """Each distinct student architecture, with the names of the variants that use it."""
    found: dict[str, tuple[Choice, list[str]]] = {}
    for run in checked.plan.cohorts[0].runs:
        found.setdefault(run.architecture.model_dump_json(), (run.architecture, []))[1].append(run.name)
    return list(found.values())


def _describe(choice: Choice, checked: Checked) -> str:
    """Title and the parameters that differ from the defaults, so that two widths can be told apart."""
    entry = checked.catalogue.architectures[choice.name]
    fields = entry.params.model_fields
    changed = [f"{name} {value}" for name, value in choice.params.items() if fields[name].default != value]
    return f"{entry.title}, {', '.join(changed)}" if changed else str(entry.title)


def _as_if_trained(network: nn.Module) -> nn.Module:
    """No tensor all zero: the exporter drops zero biases, which a trained network does not have."""
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point() and not tensor.any():
                tensor.fill_(1e-3)
    return network


def _what_takes_time(spec: ExperimentSpec) -> dict[str, Any]:
    """The spec without what costs no time: names, weights, temperatures, learning rates, which seeds."""
    content = spec.to_json()
    for student in content["students"]:
        # Which weights it starts from costs no time, and what it sees little.
        for name in ("name", "start", "weights"):
            del student[name]
        student["terms"] = sorted(term["loss"]["name"] for term in student["terms"] if term["weight"] > 0)
    teachers = [content["teacher"], *content["more_teachers"]]
    for training in (*(teacher["training"] for teacher in teachers), content["student_training"]):
        training["optimizer"] = training["optimizer"]["kind"]
    content["seeds"] = len(content["seeds"])
    return {name: value for name, value in content.items() if name not in ("name", "shows")}


def _warnings(networks: Sequence[Mapping[str, Any]], *, busy: bool) -> list[str]:
    found = [
        f"{network['name']} has no fewer parameters than the teacher; nothing is compressed."
        for network in networks
        if network["role"] == "student" and network["compression_ratio"] <= 1
    ]
    if busy:
        found.append("A training is running, so the estimated time is longer than it will be on a free machine.")
    return found
