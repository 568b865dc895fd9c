"""Plain scripts are run by a Python that has none of our code, and train as the lab does, epoch by epoch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from distill_core.events import EpochEnded, Event
from distill_core.folders import Home
from distill_core.plain_code import NotShown, PlainScript, plain_script
from distill_core.plain_code.script import Shown
from distill_core.plan import with_baselines
from distill_core.presets import load_presets
from distill_core.spec import ExperimentSpec, parse_spec
from distill_core.training.assembly import student_cohort, teacher_cohort
from distill_core.training.cohort import Surroundings
from distill_core.training.preparation import deep_check, installed_catalogue
from distill_core.training.teachers import as_one

# Sums of several float32 terms are rounded in another order; all else is the same to the last bit.
TOLERANCE = 1e-6
SHORT = {"epochs": 2, "steps_per_epoch": 3, "warmup_fraction": 0.2}
RUN_ALL = """
import contextlib, io, json, runpy, sys
told = {}
for path in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        runpy.run_path(path)
    told[path] = output.getvalue()
assert not [name for name in sys.modules if name.startswith(("distill_core", "pages"))]
print(json.dumps(told))
"""
LINE = re.compile(r"(.+): epoch (\d+): training loss (\S+), validation .+? (\S+), ")


def shortened(preset: str, **changes: Any) -> dict[str, Any]:
    """A preset's spec with two short epochs for everybody, and one seed."""
    data = next(one.spec for one in load_presets() if one.name == preset).to_json()
    data |= {"seeds": [3], "compression": {"chains": []}} | changes
    for teacher in (data["teacher"], *data["more_teachers"]):
        teacher["training"] |= SHORT
    data["student_training"] |= SHORT
    return data


def other_networks() -> dict[str, Any]:
    """What no preset has: a strided CNN, crops, SGD, schedules, patience, several terms with a weight each."""
    data = shortened("digits-logits")
    sgd = {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.8, "weight_decay": 1e-3}
    crops = {"augmentation": {"kind": "crop-flip", "padding": 1, "flip": True}, "fixed_views": 4}
    data["teacher"] |= {"architecture": {"name": "strided-cnn", "params": {}}, "views": crops}
    data["teacher"]["training"] |= {"optimizer": sgd, "schedule": "step", "monitor": "nll", "steps_per_epoch": None}
    data["student_training"] |= {"optimizer": sgd, "schedule": "linear", "patience": 1, "steps_per_epoch": None}
    data["student_views"] = {"augmentation": None, "fixed_views": 1}
    data["data"] |= {"teacher_labels": 300, "student_labels": 150}
    cross_entropy = {"name": "cross-entropy", "params": {"label_smoothing": 0.1}}
    data["students"] = [{
        "name": "mlp, “both\" \\ 学生", "architecture": {"name": "mlp", "params": {"hidden": 24}},
        "terms": [
            {"loss": cross_entropy, "weight": 0.3},
            {"loss": {"name": "kd", "params": {"temperature": 3.0}}, "weight": 0.7, "schedule": "warm-up"},
            {"loss": {"name": "mse-logits", "params": {}}, "weight": 0.1, "schedule": "decay"},
        ],
    }]
    return data


def gru() -> dict[str, Any]:
    data = shortened("digits-rows")
    params = {"hidden": 8, "layers": 2, "dropout": 0.1, "pooling": "last", "bidirectional": True}
    data["teacher"]["architecture"] = {"name": "gru", "params": params}
    data["students"] = data["students"][-1:]
    return data


SPECS: dict[str, Any] = {
    "digits": shortened("digits"), "logits": shortened("digits-logits"), "rows": shortened("digits-rows"),
    "tagging": shortened("digits-tagging"), "unlabelled": shortened("digits-unlabelled"),
    "missing": shortened("digits-missing"), "two teachers": shortened("digits-two-teachers"),
    "regression": shortened("diabetes-regression"), "other networks": other_networks(), "gru": gru(),
}
Curves = dict[str, list[tuple[float, float]]]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(spec: ExperimentSpec, home: Home) -> Curves:
    """The loss and the validation figure of every epoch of every run, as the lab trains them."""
    checked = deep_check(spec, home=home)
    names = {run.run_id: run.name for run in checked.plan.runs}
    curves: Curves = {}

    def emit(event: Event) -> None:
        if isinstance(event, EpochEnded):
            success = event.validation_r2 if checked.data.task == "regression" else event.validation_accuracy
            assert success is not None
            curves.setdefault(names[event.run_id], []).append((event.train_loss, success))

    around = replace(Surroundings.silent(), emit=emit)
    networks = []
    for run in checked.plan.teachers:
        cohort = teacher_cohort(checked, run, around)
        cohort.fit()
        networks.append(cohort.candidates[0].model.eval().requires_grad_(False))
    teacher = as_one(networks, [one.weight for one in checked.spec.teachers])
    # One by one, as a script trains; that stacks give the same to rounding is their own tests' matter.
    student_cohort(checked, checked.plan.cohorts[0].runs, teacher, around, stacks=False).fit()
    return curves


def scripts(spec: ExperimentSpec) -> list[PlainScript]:
    """Of the teachers, and of every variant."""
    catalogue = installed_catalogue()
    completed = catalogue.check(spec)
    shown = [
        Shown("teacher" if number == 0 else f"teacher {number + 1}", one.seed, number=number)
        for number, one in enumerate(completed.teachers)
    ]
    shown += [Shown(one.name, spec.seeds[0], one) for one in with_baselines(completed, catalogue)]
    return [plain_script(completed, one, catalogue) for one in shown]


def told_by(texts: dict[Path, str]) -> dict[Path, Curves]:
    """What the scripts print, run one after the other by a Python that finds nothing of ours."""
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    folder = next(iter(texts)).parent
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUN_ALL, *map(str, texts)], cwd=folder, env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers: dict[str, str] = json.loads(done.stdout)
    found: dict[Path, Curves] = {}
    for path, output in answers.items():
        curves: Curves = {}
        for name, _, loss, success in LINE.findall(output):
            curves.setdefault(name, []).append((float(loss), float(success)))
        found[Path(path)] = curves
    return found


def test_every_script_trains_as_the_lab_does(tmp_path: Path) -> None:
    expected: dict[Path, tuple[str, Curves]] = {}
    texts: dict[Path, str] = {}
    for kind, data in SPECS.items():
        spec = parse_spec(data)
        curves = trained(spec, Home(tmp_path / "home"))
        for number, script in enumerate(scripts(spec)):
            path = tmp_path / f"{kind} {number}.py"
            texts[path], expected[path] = script.text, (script.name, curves)
    wrong = []
    for path, told in told_by(texts).items():
        name, curves = expected[path]
        assert name in told, f"{path.name} tells nothing of {name}"
        for run, points in told.items():
            if len(points) != len(curves[run]):
                wrong.append((path.name, run, "epochs", len(points), len(curves[run])))
            for number, (mine, ours) in enumerate(zip(points, curves[run], strict=False), 1):
                if mine[0] != pytest.approx(ours[0], rel=TOLERANCE) or mine[1] != pytest.approx(ours[1], abs=2e-6):
                    wrong.append((path.name, run, number, mine, ours))
    assert not wrong, wrong
    assert len(expected) > 30


@pytest.mark.parametrize(("preset", "student", "what"), [
    ("digits-variants", -2, "generated variants"), ("digits-weights", -1, "a start with the teacher's weights"),
    ("digits-hints", -1, "the loss vid"), ("cifar10", 0, "the data set image-folder"),
])
def test_what_cannot_be_shown_is_refused_in_a_sentence(preset: str, student: int, what: str) -> None:
    spec = next(one.spec for one in load_presets() if one.name == preset)
    catalogue = installed_catalogue()
    if preset != "cifar10":
        spec = catalogue.check(spec)
    one = spec.students[student]
    with pytest.raises(NotShown, match=f"Plain code does not cover {what}; .*settings as JSON") as refused:
        plain_script(spec, Shown(one.name, 0, one), catalogue)
    assert "\n" not in refused.value.sentence
