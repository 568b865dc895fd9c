"""A bundle of every kind of input and task runs alone and says in its own words what it takes and answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distill_core.deployment.bundle import write_bundle, write_test_samples
from distill_core.deployment.onnx_export import export_onnx
from distill_core.deployment.parity import check_parity
from distill_core.folders import ExperimentFolder
from distill_core.ingestion.words import HOW_WORDS_ARE_SPLIT, WORD_PATTERN, ids_of, split_words
from distill_core.rows import RunRow
from distill_core.spec import ExperimentSpec, parse_spec
from tests.integration.deployment_cases import CASES, WORDS, Case
from tests.integration.test_deployment_bundle import RUN_ID, execute, execute_alone, run_row, view_of


def ship(case: Case, folder: ExperimentFolder, **changes: object) -> RunRow:
    """Exported as the pipeline does it; returns the run's row."""
    place, stored, network = folder.run(RUN_ID), case.stored(40), case.network()
    answers = case.answers(network, stored)
    own_units = {"label_mean": case.label_mean, "label_std": case.label_std}
    size = export_onnx(network, place.onnx, signature=case.signature, mean=case.mean, std=case.std, **own_units)
    parity = check_parity(place.onnx, stored, answers, signature=case.signature, **own_units)
    words = WORDS if case.signature.kind == "text" else ()
    write_test_samples(
        place.test_samples, stored, case.labels(40), answers, signature=case.signature, words=words,
        **own_units,
    )
    row = run_row(
        onnx_path=f"runs/{RUN_ID}/model.onnx", onnx_size_bytes=size, max_abs_diff=parity.max_abs_diff,
        same_class=parity.same_class, test_total=parity.total, task=case.signature.task, samples_seen="100 with labels",
    )
    return replace(row, **changes)


def names(case: Case) -> tuple[str, ...]:
    return tuple(f"name{index}" for index in range(case.signature.outputs))


@pytest.fixture
def folder(tmp_path: Path) -> ExperimentFolder:
    return ExperimentFolder(tmp_path / "experiment")


@pytest.mark.parametrize("name", CASES)
def test_the_bundle_runs_alone(name: str, tmp_path: Path, folder: ExperimentFolder, tiny_spec: ExperimentSpec) -> None:
    case = CASES[name]
    row = ship(case, folder)
    out = write_bundle(folder, row, view_of(tiny_spec, row, classes=names(case)), tmp_path / "bundle")
    done = execute_alone(out)
    assert done.returncode == 0, done.stderr
    assert "as expected" in done.stdout and "NOT" not in done.stdout
    assert done.stdout.count("predicted") >= 32 and "name0" in done.stdout
    assert "naïve" in done.stdout or case.signature.kind != "text"

    samples = dict(np.load(out / "test_samples.npz"))
    output = f"expected_{case.signature.output_name}"
    assert sorted(samples) == sorted({"x", "y", output} | ({"tolerance"} if "regression" in name else set()))
    # A regression's mistake of a hundredth of its spread; of logits a hundredth.
    samples[output][0] += 0.01 * (np.asarray(case.label_std, dtype=np.float32) if case.label_std else 1)
    np.savez(out / "test_samples.npz", **samples)
    broken = execute(out)
    assert broken.returncode == 1 and "NOT as expected" in broken.stdout


def test_a_text_bundle_holds_its_vocabulary(
    tmp_path: Path, folder: ExperimentFolder, tiny_spec: ExperimentSpec
) -> None:
    case = CASES["text"]
    row = ship(case, folder)
    out = write_bundle(folder, row, view_of(tiny_spec, row, classes=("bad", "good")), tmp_path / "bundle")
    vocabulary = json.loads((out / "vocabulary.json").read_text(encoding="utf-8"))
    assert vocabulary["words"] == list(WORDS)
    assert vocabulary["how"].startswith(HOW_WORDS_ARE_SPLIT)
    assert (vocabulary["padding"], vocabulary["unknown"], vocabulary["mask"], vocabulary["length"]) == (0, 1, 2, 7)
    assert vocabulary["pattern"] == WORD_PATTERN

    place = folder.run(RUN_ID).test_samples
    answers = case.answers(case.network(), case.stored(3))
    write_test_samples(
        place, case.stored(3), case.labels(3), answers, signature=case.signature, words=WORDS, splitting="At spaces."
    )
    out = write_bundle(folder, row, view_of(tiny_spec, row, classes=("bad", "good")), tmp_path / "other")
    vocabulary = json.loads((out / "vocabulary.json").read_text(encoding="utf-8"))
    assert vocabulary["how"].startswith("At spaces.") and not vocabulary["pattern"]
    assert "tokens_of" not in (out / "run.py").read_text() and execute(out).returncode == 0

    with pytest.raises(ValueError, match="0 words for a vocabulary of 9"):
        write_test_samples(
            tmp_path / "x.npz", case.stored(3), case.labels(3), np.zeros((3, 2)), signature=case.signature
        )


@pytest.mark.parametrize("name", ["text", "text-tagging", "text-regression"])
def test_the_script_answers_texts_of_the_user(
    name: str, tmp_path: Path, folder: ExperimentFolder, tiny_spec: ExperimentSpec
) -> None:
    shipped = CASES[name]
    row = ship(shipped, folder)
    out = write_bundle(folder, row, view_of(tiny_spec, row, classes=names(shipped)), tmp_path / "bundle")
    text = "A good, nai\u0308ve film."
    done = execute(out, text, "unheard words")
    assert done.returncode == 0, done.stderr
    index = {word: number for number, word in enumerate(WORDS)}
    ids = np.array([ids_of(split_words(text), index, length=7)], dtype=np.int32)
    assert ids.tolist() == [[3, 4, 1, 8, 6, 7, 0]]
    answer = shipped.answers(shipped.network(), ids)[0]
    line, other = done.stdout.splitlines()
    match name:
        case "text":
            assert line == f"predicted name{answer.argmax()}: {text}"
        case "text-tagging":
            tags = [f"name{row.argmax()}" for row in answer[:6]]
            words = ["a", "good", "<unknown>", "naïve", "film", "."]
            assert line == " ".join(f"{word}: predicted {tag};" for word, tag in zip(words, tags, strict=True))
            assert other.count("<unknown>") == 2
        case _:
            value = float(line.removeprefix("name0: predicted ").partition(";")[0])
            assert value == pytest.approx(3 + 1.5 * answer[0], abs=1e-3)


def test_a_regression_is_shipped_in_its_own_units(
    tmp_path: Path, folder: ExperimentFolder, tiny_spec: ExperimentSpec
) -> None:
    case = CASES["regression"]
    row = ship(case, folder)
    out = write_bundle(folder, row, view_of(tiny_spec, row, classes=names(case)), tmp_path / "bundle")
    samples = np.load(out / "test_samples.npz")
    standardised = case.labels(40).astype(np.float64)
    rows = np.unique(np.linspace(0, 39, 32).round().astype(int))
    assert samples["y"] == pytest.approx(standardised[rows] * case.label_std + case.label_mean, rel=1e-6)
    assert samples["expected_values"][:, 0].mean() == pytest.approx(2005, abs=20)


CARD_WORDS = {
    "image": ["| Classifies | images into 4 classes: name0", "3 x 6 x 6 pixels", "for one image", "any image gets one"],
    "sequence": ["sequences into 3 classes", "7 steps of 4 features each", "for one sequence", "`steps` float32"],
    "text": ["texts into 2 classes", "up to 7 tokens, from a vocabulary of 9", "`vocabulary.json`", "`tokens` int64"],
    "text-tagging": ["| Tags | each token of texts with one of 4", "tokens of test texts", "every token gets one"],
    "sequence-tagging": ["each step of sequences", "231 of 280 steps", "[batch, steps, classes]"],
    "regression": ["| Predicts | 2 values of each row: name0", "| 0.420 | 0.580 |", "standard deviations", "`values`"],
}


@pytest.mark.parametrize("name", CARD_WORDS)
def test_the_card_says_what_it_is(
    name: str, tmp_path: Path, folder: ExperimentFolder, tiny_spec: ExperimentSpec
) -> None:
    case = CASES[name]
    scores = {"accuracy": float("nan"), "agreement": None, "r2": 0.42, "mse": 0.58} if name == "regression" else {}
    row = ship(case, folder, **scores)
    row = replace(row, same_class=231) if name == "sequence-tagging" else row
    out = write_bundle(folder, row, view_of(tiny_spec, row, classes=names(case)), tmp_path / "bundle")
    card = (out / "model_card.md").read_text(encoding="utf-8")
    for words in CARD_WORDS[name]:
        assert words in card
    assert name == "image" or "image" not in card
    assert name != "regression" or not ({"accuracy", "class", "logits"} & set(card.lower().split()))


def test_the_card_names_all_teachers_and_what_the_student_saw(
    tmp_path: Path, folder: ExperimentFolder, spec_data: dict
) -> None:
    spec_data["more_teachers"] = [
        {"architecture": {"name": "mlp", "params": {"hidden": 9}}, "weight": 3.0, "train": False, "weights": "0" * 16}
    ]
    spec_data["students"][1] |= {
        "generator": {"name": "mixup"}, "generated_share": 0.25, "coreset": {"size": 50, "rule": "k-centre"}
    }
    spec = parse_spec(spec_data)
    row = ship(CASES["image"], folder)
    first = run_row(run_id="t", role="teacher", name="teacher", accuracy=0.971)
    second = run_row(run_id="u", role="teacher", name="teacher 2", accuracy=0.9, architecture="mlp")
    view = view_of(spec, first, second, row)
    card = (write_bundle(folder, row, view, tmp_path / "bundle") / "model_card.md").read_text()
    assert "| Teacher | `small-cnn` (width 8), 97.1%, weight 1 |" in card
    assert "| Teacher 2 | `mlp` (hidden 9), 90.0%, weight 3 |" in card
    assert "| Variants | `mixup` replaces 25% of each batch |" in card
    assert "| Coreset | 50 samples, chosen by the rule k-centre |" in card

    given = replace(row, role="teacher", name="teacher 2", architecture="mlp")
    card = (write_bundle(folder, given, view, tmp_path / "other") / "model_card.md").read_text()
    assert "| Architecture | `mlp` (hidden 9) |" in card
    assert "its weights are used as they were given" in card
