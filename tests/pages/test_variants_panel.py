"""The table of samples, variants and soft labels, alone on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.errors import HelperUnavailable
from distill_core.jobs.previewing import Previews
from pages.ui.variants_panel import table_of

PNG = "iVBORw0KGgo="


def shown(text: str = "", labels: Any = (("7", 1.0),), answers: Any = (("7", 0.81), ("9", 0.19))) -> dict[str, Any]:
    pairs = None if answers is None else [list(pair) for pair in answers]
    return {
        "png": None if text else PNG, "text": text, "labels": [list(pair) for pair in labels], "answers": pairs,
    }


def answer(original: dict[str, Any], *variants: dict[str, Any], task: str = "classification") -> dict[str, Any]:
    taught = original["answers"] is not None
    return {
        "kind": "image", "task": task, "temperature": 4.0, "taught": taught,
        "samples": [{"original": original, "variants": list(variants)}],
    }


def page(spec_data: dict, generator: str) -> None:
    from distill_core.spec import Choice, parse_spec
    from pages.ui.variants_panel import variants_panel

    variants_panel(parse_spec(spec_data), Choice(name=generator), key="variants")


@pytest.fixture
def app(spec_data: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("DISTILL_HOME", str(tmp_path / "home"))
    return AppTest.from_function(page, args=(spec_data, "mixup"), default_timeout=30)


def test_rows_say_what_is_what() -> None:
    mixed = shown(labels=[("7", 0.62), ("3", 0.38)])
    table = table_of(answer(shown(), mixed))
    assert table["sample"].tolist() == ["1", "1, variant 1"]
    assert table["label"].tolist() == ["7", "62% 7 + 38% 3"]
    assert table["answers"].tolist() == ["7 81% · 9 19%"] * 2
    assert table["shown"].tolist() == [f"data:image/png;base64,{PNG}"] * 2

    texts = table_of(answer(shown("a <mask> film", labels=(), answers=None)))
    assert texts["shown"].tolist() == ["a <mask> film"] and texts["label"].tolist() == ["none"]
    assert "answers" not in texts.columns

    values = table_of(answer(shown("1, 2", answers=[("price", 1234.5)]), task="regression"))
    assert values["answers"].tolist() == ["price 1234"] or values["answers"].tolist() == ["price 1235"]


def test_nothing_is_asked_before_the_button(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def variants(self: Previews, spec: Any, generator: Any, *, temperature: float = 4.0) -> dict[str, Any]:
        asked.append((generator.name, temperature))
        return answer(shown(answers=None), shown(answers=None))

    monkeypatch.setattr(Previews, "variants", variants)
    app.run()
    assert not app.exception and not asked and not app.dataframe
    app.button(key="variants").click().run()
    assert not app.exception and asked == [("mixup", 4.0)]
    assert app.dataframe[0].value["sample"].tolist() == ["1", "1, variant 1"]
    assert any("once an experiment has trained this teacher" in one.value for one in app.caption)
    app.run()
    assert len(asked) == 1 and app.dataframe, "the answer stays"


def test_a_refusal_is_a_sentence(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def variants(self: Previews, *args: Any, **named: Any) -> dict[str, Any]:
        raise HelperUnavailable("The helper does not answer; try again.")

    monkeypatch.setattr(Previews, "variants", variants)
    app.run().button(key="variants").click().run()
    assert not app.exception and not app.dataframe
    assert [one.value.replace("\\", "") for one in app.error] == ["The helper does not answer; try again."]
