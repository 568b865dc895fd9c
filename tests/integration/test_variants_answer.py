"""What the preview shows of a generator: samples, variants, labels and the teacher's soft labels, for every kind."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from distill_core.errors import SpecError
from distill_core.folders import Home
from distill_core.jobs.variants_answer import SHOWN_SAMPLES, VARIANTS_OF_EACH, variants_answer
from distill_core.pipeline import deep_check
from distill_core.spec import Choice, parse_spec
from distill_core.training.preparation import Checked


def checked_on(tmp_path: Path, spec_data: dict, dataset: dict[str, Any], network: str, loss: str) -> Checked:
    chosen = {"name": network}
    spec_data["data"] = {"dataset": dataset}
    spec_data["teacher"] = {"architecture": chosen, "training": {"epochs": 1, "batch_size": 4}}
    spec_data["students"] = [{"name": "one", "architecture": chosen, "terms": [{"loss": {"name": loss}}]}]
    spec_data["student_training"] = {"epochs": 1, "batch_size": 4}
    spec_data["student_views"] = {"augmentation": None, "fixed_views": 1}
    return deep_check(parse_spec(spec_data), home=Home(tmp_path / "home"))


@pytest.fixture
def digits(tmp_path: Path, spec_data: dict) -> Checked:
    return checked_on(tmp_path, spec_data, {"name": "digits"}, "mlp", "cross-entropy")


def teacher_of(checked: Checked) -> torch.nn.Module:
    return checked.network(checked.spec.teacher.architecture, seed=0)


def pixels(shown: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["png"]))))


def test_images_are_pictures_with_soft_labels(digits: Checked) -> None:
    answer = variants_answer(digits, Choice(name="masking"), teacher=teacher_of(digits), temperature=2.0)
    json.dumps(answer, allow_nan=False)
    assert (answer["kind"], answer["task"], answer["taught"], answer["temperature"]) == (
        "image", "classification", True, 2.0
    )
    assert len(answer["samples"]) == SHOWN_SAMPLES
    for sample in answer["samples"]:
        original = pixels(sample["original"])
        assert original.shape == (64, 64), "8 x 8 pixels, enlarged"
        assert len(sample["variants"]) == VARIANTS_OF_EACH
        looks = [pixels(variant) for variant in sample["variants"]]
        for look, variant in zip(looks, sample["variants"], strict=True):
            # A quarter of the area is 4 x 4 pixels of the 8 x 8, enlarged eightfold; some of it may be as it was.
            assert 0 < (look != original).sum() <= 16 * 64
            assert variant["labels"] == sample["original"]["labels"]
            shares = [share for _, share in variant["answers"]]
            assert len(shares) == 5 and shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1
        assert len({look.tobytes() for look in looks}) > 1
        ((name, share),) = sample["original"]["labels"]
        assert name in digits.data.class_names and share == 1


def test_the_soft_labels_are_the_teachers_for_what_is_shown(digits: Checked) -> None:
    teacher = teacher_of(digits)
    answer = variants_answer(digits, Choice(name="masking"), teacher=teacher, temperature=3.0)
    sample = answer["samples"][0]
    for shown in (sample["original"], sample["variants"][2]):
        small = torch.from_numpy(pixels(shown)[::8, ::8].copy()).float()[None, None] / 255
        (mean,), (std,) = digits.data.mean, digits.data.std
        with torch.no_grad():
            soft = (teacher.eval()((small - mean) / std)[0] / 3.0).softmax(0)
        for name, share in shown["answers"]:
            # The picture is rounded to 256 greys, of 0 to 1.
            assert share == pytest.approx(soft[digits.data.class_names.index(name)].item(), abs=0.01)


def test_mixed_samples_have_both_labels_and_repeat_with_the_seed(digits: Checked) -> None:
    first, again, other = (variants_answer(digits, Choice(name="mixup"), seed=seed) for seed in (0, 0, 1))
    assert first == again and first != other
    assert first["taught"] is False
    for sample in first["samples"]:
        for variant in sample["variants"]:
            assert variant["answers"] is None
            assert sum(share for _, share in variant["labels"]) == pytest.approx(1)
            assert variant["labels"][0][0] == sample["original"]["labels"][0][0]


def test_texts_are_words(tmp_path: Path, spec_data: dict) -> None:
    table = tmp_path / "texts.csv"
    rows = [f"this film is {'very ' * (n % 3)}{'good' if n % 2 else 'bad'},{n % 2}" for n in range(60)]
    table.write_text("text,label\n" + "\n".join(rows), encoding="utf-8")
    dataset = {"name": "text-table", "params": {"path": str(table)}}
    checked = checked_on(tmp_path, spec_data, dataset, "lstm", "cross-entropy")
    answer = variants_answer(checked, Choice(name="masking"), teacher=teacher_of(checked))
    sample = answer["samples"][0]
    assert sample["original"]["text"].startswith("this film is") and sample["original"]["png"] is None
    assert all("<mask>" in variant["text"].split() for variant in sample["variants"])
    assert len(sample["original"]["answers"]) == 2

    with pytest.raises(SpecError, match=r"allowed: .*ngram.*Choose one made for text data"):
        variants_answer(checked, Choice(name="cutmix"))


def test_tags_are_answered_step_by_step(tmp_path: Path, spec_data: dict) -> None:
    checked = checked_on(tmp_path, spec_data, {"name": "digits-tagging"}, "lstm", "cross-entropy")
    answer = variants_answer(checked, Choice(name="replacement"), teacher=teacher_of(checked))
    sample = answer["samples"][0]
    length = checked.data.shape[0]
    assert len(sample["original"]["answers"]) == length
    assert len(sample["original"]["labels"][0][0].split()) == length
    # Nobody knows the label of a replaced step.
    assert len(sample["variants"][0]["labels"][0][0].split()) == length - round(0.25 * length)
    assert pixels(sample["original"]).shape[0] >= 64, "steps are the rows of a picture"


def test_a_regression_is_shown_in_its_own_units(tmp_path: Path, spec_data: dict) -> None:
    checked = checked_on(tmp_path, spec_data, {"name": "diabetes"}, "mlp", "squared-error")
    teacher = teacher_of(checked)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.zero_()
    answer = variants_answer(checked, Choice(name="masking"), teacher=teacher)
    for sample in answer["samples"]:
        ((name, value),) = sample["original"]["answers"]
        assert name == checked.data.class_names[0]
        # A network that answers 0 predicts the mean.
        assert value == pytest.approx(checked.data.label_mean[0])
        assert len(sample["original"]["text"].split(", ")) == 10
        assert sample["original"]["labels"][0][0].startswith(f"{name} ")
