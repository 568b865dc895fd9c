"""In Chinese no English sentence is left on a page, and figures and names are the same as in English."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.services import Lab
from distill_core.store.store import Store
from tests.examined_samples import write_examination
from tests.fixtures import build_compressed_experiment, build_running_experiment
from tests.lens_samples import build_lens_digits
from tests.pages.conftest import OpenPage
from tests.pages.design_form import Layers
from tests.pages.shown import shown
from tests.sweep_samples import SweepLab, sweep_data

DETAIL, EVIDENCE, LESSONS = "experiments/detail.py", "evidence/evidence.py", "learn/lessons.py"
SWEEP = "sweeps/sweep.py"
PAGES: list[tuple[str, dict[str, str]]] = [
    ("experiments/overview.py", {}), ("experiments/design.py", {}), ("experiments/queue.py", {}),
    ("data/library.py", {}), ("compare/runs.py", {"ids": "ended"}), ("trying/ask.py", {"id": "seen"}),
    ("lens/lens.py", {"id": "seen"}), ("lens/lens.py", {"id": "no-such-one"}), ("latency/lab.py", {}),
    ("machine/doctor.py", {}), ("machine/storage.py", {}), ("machine/self_check.py", {}), ("machine/audit.py", {}),
    ("report/report.py", {"id": "ended"}), ("experiments/compress.py", {"id": "ended"}),
    ("sweeps/sweeps.py", {}), ("sweeps/new_sweep.py", {}),
    ("sweeps/new_sweep.py", {"preset": "digits-smallest-good-student"}),
    (SWEEP, {"id": "swept", "trial": "1"}), (SWEEP, {"id": "swept", "view": "Importance"}),
    (LESSONS, {}), (LESSONS, {"lesson": "never-saw-a-3"}),
    (DETAIL, {"id": "ended"}), (DETAIL, {"id": "ended", "tab": "Trade-off"}),
    (DETAIL, {"id": "ended", "tab": "Compression"}), (DETAIL, {"id": "underway"}), (DETAIL, {"id": "no-such-one"}),
    (EVIDENCE, {"id": "seen", "panel": "sure"}), (EVIDENCE, {"id": "seen", "panel": "figures"}),
    (EVIDENCE, {"id": "seen", "panel": "inside"}),
]
# Names of users, networks, machines, files, products and authors, code, and a refusal that only the fixture knows.
_NAMES = re.compile(
    r"`[^`]*`|https?://\S+|:[a-z]+(/[a-z_]+)?[:\[]|alone, label smoothing|(alone|distilled)( T=\d+)?|better targets"
    r"|a test machine, \d cores|Intel\(R\)( Xeon\(R\) Processor)?|CIFAR \w+|Wide ResNet|ONNX Runtime|\S+[._/]\S+"
    r"|\d+% (zeros|cut)|fine-tuned \(teacher\)|int8 static|(\w+, )*\w+ \d{4}|Its graph cannot be cut; prune otherwise"
)
_ENGLISH = re.compile(r"[A-Za-z][A-Za-z'’-]+(?:[ ,:;]+[A-Za-z][A-Za-z'’-]+){2,}")
_FIGURE = re.compile(r"\d+\.\d+")


@pytest.fixture
def ids(home: Home) -> dict[str, str]:
    """One that was examined and can be tried, one that was compressed, one at work."""
    seen = build_lens_digits(home)
    write_examination(home, Store(home).experiment(seen))
    ended = build_compressed_experiment(home, experiment_id="ended")
    sweeps = SweepLab(home, Lab(home).catalogue())
    swept = sweeps.launch(sweep_data(name="地图", shows="", base={"name": "基础"}))
    sweeps.play(swept)
    return {
        "seen": seen, "swept": swept, "ended": ended,
        "underway": build_running_experiment(home, experiment_id="w").experiment_id,
    }


def texts(app: AppTest) -> list[str]:
    """What the page shows, without Markdown's escapes."""
    return [text.replace("\\", "").replace("\u2060", "") for text in shown(app)]


def test_no_english_sentence_is_left(open_page: OpenPage, ids: dict[str, str], layers: Layers) -> None:
    left: dict[str, str] = {}
    for page, address in PAGES:
        app = open_page(page, lang="zh", **{name: ids.get(value, value) for name, value in address.items()})
        said = texts(app)
        assert not app.exception and re.search(r"[\u4e00-\u9fff]", "".join(said)), (page, address)
        for text in said:
            left |= {found: f"{page} {address}: {text}"[:300] for found in _ENGLISH.findall(_NAMES.sub(" | ", text))}
    assert not left, "\n".join(f"{found!r} in {where}" for found, where in left.items())


@pytest.mark.parametrize("tab", ["Runs", "Trade-off", "Compression"])
def test_figures_and_names_are_the_same_in_both_languages(open_page: OpenPage, home: Home, tab: str) -> None:
    ended = build_compressed_experiment(home)
    seen = {}
    for language in ("en", "zh"):
        said = texts(open_page(DETAIL, id=ended, tab=tab, lang=language))
        assert any("distilled T=8" in text for text in said)
        seen[language] = {figure for text in said for figure in _FIGURE.findall(text)}
    assert len(seen["en"]) > 20 and seen["zh"] == seen["en"]
