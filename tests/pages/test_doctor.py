"""The machine's page."""

from __future__ import annotations

from distill_core.charts.names import markdown_text
from distill_core.folders import Home
from distill_core.jobs import machine_report
from tests.fixtures import build_finished_experiment, preset_spec

PAGE = "machine/doctor.py"


def test_devices_versions_and_disk_are_told(open_page) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert {"Usable cores", "Free disk", "Free memory", "Dispatcher"} <= {metric.label for metric in app.metric}
    assert "torch" in set(app.dataframe[0].value["package"])


def test_a_gpu_that_torch_cannot_use_says_why(open_page, monkeypatch) -> None:
    why = "Tesla_P100 is too old for this torch, which needs compute capability 7.5."
    monkeypatch.setattr(machine_report, "unused_gpus", lambda: [why])
    app = open_page(PAGE)
    assert [warning.value for warning in app.warning] == [markdown_text(why)] and not app.exception


def test_other_tools_are_told_with_how_to_look_or_to_switch_on(open_page, home: Home, monkeypatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    app = open_page(PAGE)
    assert f"tensorboard --logdir {home.path}/experiments" in {code.value for code in app.code}
    texts = " ".join(text.value for text in app.markdown)
    assert "**TensorBoard**" in texts and "MLFLOW" in texts and not app.exception


def test_the_index_is_rebuilt_from_the_folders(open_page, home: Home) -> None:
    build_finished_experiment(home, spec=preset_spec(seeds=1))
    app = open_page(PAGE)
    app.button(key="reindex").click().run()
    assert not app.exception
    assert app.success[0].value == "1 experiment indexed."
