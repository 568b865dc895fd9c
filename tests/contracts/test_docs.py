"""The docs say what is true now."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from distill_core.cli.commands import app
from distill_core.pipeline import installed_catalogue
from distill_core.presets import find_preset
from distill_core.sweep_presets import find_sweep_preset
from docs.build import TARGET, catalogue_markdown
from docs.performance import TARGET as PERFORMANCE
from docs.performance import performance_markdown

ROOT = Path(__file__).parents[2]


def test_the_catalogue_page_is_current() -> None:
    assert TARGET.read_text(encoding="utf-8") == catalogue_markdown(), "run: python -m docs.build"


def test_the_performance_page_is_current() -> None:
    assert PERFORMANCE.read_text(encoding="utf-8") == performance_markdown(), "run: python -m docs.performance"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_and_named_files_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    named += [name for name in re.findall(r"`((?:distill_core|docs|tests|pages)/[\w./-]+)`", text) if "my_" not in name]
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_command_of_the_readme_exists_and_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line.split("#")[0] for line in text.splitlines() if "python -m distill_core " in line]
    told = {word for line in lines for word in re.findall(r"(?:distill_core|\|) (\w+)", line)}
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {group.name or group.typer_instance.info.name for group in app.registered_groups}
    assert told == known


def test_presets_named_in_the_readme_exist_and_settings_fit() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in re.findall(r"sweep run --preset ([\w-]+)", text):
        assert find_sweep_preset(name)
    for name in re.findall(r"(?<!sweep run) --preset ([\w-]+)", text):
        data = find_preset(name).spec.to_json()
        for path in re.findall(rf"--preset {name} --set ([\w.]+)=", text):
            place = data
            for part in path.split("."):
                place = place[int(part)] if part.isdigit() else place[part]
            assert isinstance(json.dumps(place), str)


def test_the_example_loss_of_contributing_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.S)[0]
    (tmp_path / "example_loss.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    import example_loss
    import torch

    from distill_core.losses.term import StepTensors

    entry = example_loss.ENTRY
    known = {trait for loss in installed_catalogue().losses for trait in loss.traits}
    assert entry.traits <= known, "a trait that nothing reads"
    term = entry.build(entry.resolve({}), None)
    logits = torch.randn(4, 3)
    value = term(StepTensors(logits, logits + 1, torch.zeros(4, dtype=torch.long)))
    assert value.item() == pytest.approx(1.0)
    assert entry.name not in installed_catalogue().losses.names


def test_every_trait_of_a_loss_is_told_in_contributing() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([\w-]+)`", text.split("## Add a loss")[1].split("## Add an architecture")[0]))
    assert {trait for loss in installed_catalogue().losses for trait in loss.traits} <= told
