"""What a report says and draws, in both languages, and that nothing of its texts is ever more than text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from distill_core.catalog import Catalogue
from distill_core.evaluation.verdict import t_interval
from distill_core.folders import Home
from distill_core.language import speaking
from distill_core.report import sentences
from distill_core.report.archive import markdown
from distill_core.report.class_figures import class_changes, staircases
from distill_core.report.document import Document, Written, document_of
from distill_core.report.frozen import freeze, html
from distill_core.report.prose import html_of, markdown_of
from distill_core.report.repeat import repeat_of
from distill_core.results import verdicts_of
from distill_core.rows import ExperimentView
from distill_core.spec import parse_spec
from distill_core.store.store import Store
from tests.fixtures import build_compressed_experiment, build_finished_experiment, preset_spec
from tests.hostile_names import INVISIBLE, NAMES, SCRIPT_LINK

SVG = re.compile(r'<svg [^>]*class="chart".*?</svg>', re.DOTALL)
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> ExperimentView:
    home = Home(tmp_path_factory.mktemp("compressed") / "home")
    return Store(home).experiment(build_compressed_experiment(home, seeds=3))


def document(view: ExperimentView, catalogue: Catalogue, **more: object) -> Document:
    return document_of(view, verdicts_of(view, catalogue), [], at=1_790_000_000.0, **more)  # type: ignore[arg-type]


def test_every_chart_has_a_title_a_description_and_its_figures(view: ExperimentView, catalogue: Catalogue) -> None:
    found = document(view, catalogue)
    assert [figure.key for figure in found.every_figure()] == ["trade-off", "classes", "gains", "staircase-1"]
    for figure in found.every_figure():
        drawing = ElementTree.fromstring(str(figure.picture))
        assert drawing.findtext("title") == figure.title and len(drawing.findtext("desc") or "") > 20
        assert drawing.attrib["role"] == "img"
        assert figure.rows and all(len(row) == len(figure.header) for row in figure.rows)
    page = html(found).decode()
    assert len(SVG.findall(page)) == 4 and page.count('<details class="data">') == 4
    assert len(page) < 200_000


def test_a_class_tells_what_the_best_student_lost_and_gained(view: ExperimentView, catalogue: Catalogue) -> None:
    best = sentences.best_of(verdicts_of(view, catalogue), view)
    assert best is not None and best.student == "distilled T=8"
    figure = class_changes(view, best)
    assert figure is not None and figure.header == ("Class", "against the teacher", "against the same network alone")
    by = {(run.name, run.seed): run for run in view.runs}
    teacher = next(run for run in view.runs if run.role == "teacher")
    for index, row in enumerate(figure.rows):
        gained = [
            100 * (by["distilled T=8", seed].per_class[index] - by["alone", seed].per_class[index]) for seed in range(3)
        ]
        low, high = t_interval(gained) or (0.0, 0.0)
        assert row[0] == str(index) and row[2] == f"{fmean(gained):+z.1f} ({low:+z.1f} to {high:+z.1f})"
        lost = fmean(100 * (by["distilled T=8", s].per_class[index] - teacher.per_class[index]) for s in range(3))
        assert row[1].startswith(f"{lost:+z.1f} (")


def test_many_classes_are_cut_to_those_that_lost_the_most(view: ExperimentView, catalogue: Catalogue) -> None:
    many = 30
    falls = {"alone": 0.0, "distilled T=8": -0.5}
    runs = tuple(
        replace(run, per_class=tuple(0.9 + falls.get(run.name, 0.0) * (place == 29) for place in range(many)))
        for run in view.runs
    )
    wide = replace(view, runs=runs, class_names=tuple(f"class {place}" for place in range(many)))
    figure = class_changes(wide, sentences.best_of(verdicts_of(view, catalogue), view))
    assert figure is not None and len(figure.rows) == 20 and figure.rows[0][0] == "class 29"
    assert "The 20 of 30 classes that lost the most." in figure.reading


def test_a_staircase_has_a_tread_for_each_step_and_none_for_what_was_refused(view: ExperimentView) -> None:
    (figure,) = staircases(view)
    assert [row[0] for row in figure.rows] == ["distilled T=8", "50% zeros", "fine-tuned (teacher)", "int8 static"]
    assert figure.rows[-1][2] == "4.7 kB" and figure.rows[0][2] == "9.4 kB"
    assert re.match(r"\d+\.\d% \(-\d+\.\d\)", figure.rows[1][1])


def test_lineage_tells_who_was_made_of_whom(view: ExperimentView, catalogue: Catalogue) -> None:
    first = replace(view.runs[0], reused_from="0123456789abcdef")
    told = {one.name: one for one in document(replace(view, runs=(first, *view.runs[1:])), catalogue).lineage}
    assert told["teacher"].where == "reused from 0123456789abcdef"
    assert told["distilled T=8"].made == "tiny-cnn, learnt from “teacher”"
    assert told["alone"].made == "tiny-cnn, learnt from labels"
    assert told["distilled T=8 › 50% zeros"].made == "made of “distilled T=8” by 50% zeros"
    assert told["distilled T=8 › 50% cut"].where == "could not be made"


def test_how_sure_tells_the_sign_test_and_what_is_still_missing(view: ExperimentView, catalogue: Catalogue) -> None:
    told = sentences.sure(sentences.best_of(verdicts_of(view, catalogue), view))
    assert any("3 of 3 seeds did better, 0 worse" in sentence and "25%" in sentence for sentence in told)
    verdict = replace(
        verdicts_of(view, catalogue)[0], verdict="inconclusive", differences=((0, 0.01), (1, -0.004), (2, 0.012)),
        delta_mean=0.006, ci_low=-0.02, ci_high=0.03,
    )
    assert any("seeds in all would settle it" in sentence for sentence in sentences.sure(verdict))


def test_all_of_it_is_said_in_chinese_but_for_names(view: ExperimentView, catalogue: Catalogue) -> None:
    view = replace(view, runs=tuple(run for run in view.runs if run.role != "compressed"))
    with speaking("zh"):
        found = document(view, catalogue, written=Written(title="标题"), repeat=repeat_of(view.spec))
        page = html(found).decode()
    assert '<html lang="zh-Hans">' in page and found.answer.startswith("蒸馏有效：“distilled T=8”达到")
    titles = [figure.title for figure in found.every_figure()]
    for text in [*(one.sentence for one in found.verdicts), *found.sure, *found.limits, *titles]:
        assert CHINESE.search(text), text
    shown = re.sub(r"<(style|code)>.*?</\1>|<[^>]*>", "", page, flags=re.DOTALL)
    for english in ("helped", "Verdict", "against the", "learnt from", "Limits", "points", "seeds", "interval"):
        assert not re.search(rf"\b{english}\b", shown), english
    # Outside of that context nothing has changed.
    assert document(view, catalogue).answer.startswith("Distillation helped: “distilled T=8” reaches")


def test_a_shared_page_has_no_summary_no_notes_and_no_settings(view: ExperimentView, catalogue: Catalogue) -> None:
    written = Written("A title", "My summary", "My notes", "A note", (("alone · seed 0", "Of a run"),))
    report = html(document(view, catalogue, written=written, repeat=repeat_of(view.spec))).decode()
    shared = freeze(view, verdicts_of(view, catalogue), [], at=1.0).decode()
    for private in ("A title", "My summary", "My notes", "A note", "Of a run", "spec.json", "fixed_views"):
        assert private in report and private not in shared
    assert "Lineage" in shared and "How sure we are" in shared


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_names(tmp_path: Path, catalogue: Catalogue, name: str) -> None:
    home = Home(tmp_path / "home")
    data = preset_spec(seeds=2).to_json()
    data["name"] = data["students"][-1]["name"] = name[:80]
    view = Store(home).experiment(build_finished_experiment(home, spec=parse_spec(data)))
    view = replace(view, class_names=(name, *view.class_names[1:]))
    written = Written(name, name, name, name, ((name, name),))
    found = document(view, catalogue, written=written, repeat=repeat_of(view.spec))
    page = html(found).decode()
    tags = re.findall(r"<[^>]*>", page)
    # An apostrophe or a quotation mark of a name would have ended an attribute.
    assert not [tag for tag in tags if re.match(r"<(?:img|script|a) ", tag, re.IGNORECASE) and "rel=" not in tag]
    assert not [tag for tag in tags if re.search(r"\son\w+=|javascript:", re.sub(r'"[^"]*"', "", tag))]
    assert not INVISIBLE.search(page)
    for figure in found.every_figure():
        ElementTree.fromstring(str(figure.picture))
    read = careless(markdown(document(view, catalogue)))
    assert set(re.findall(r'<img src="([^"]*)"', read)) == {f"pictures/{one.key}.png" for one in found.every_figure()}
    assert not re.search(r"<(?:a|script)\b", read)


def careless(text: str) -> str:
    """As the most careless reader there is shows it: it lets HTML and every kind of link pass."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    reader.validateLink = lambda url: True  # type: ignore[method-assign]
    return str(reader.render(text))


HOSTILE = (
    "<script>alert(1)</script>", "<img src=https://evil.example/x.png>", "![pix](https://evil.example/p.png)",
    "[a](javascript:alert(1))", "[a](JaVaScRiPt:alert(1))", "[a](java&#115;cript:alert(1))",
    "[a](data:text/html;base64,xx)", "[a]: javascript:alert(1)\n\n[a]", "<a href='javascript:alert(1)'>b</a>",
    "<javascript:alert(1)>", "[a](vbscript:x 'y')", "<svg onload=alert(1)>", "![r][r]\n\n[r]: https://evil.example/p.png",
    "<style>*{display:none}</style>", "abc\u202etxt.exe\u2066", SCRIPT_LINK,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_of_people_cannot_do_anything(text: str) -> None:
    page = str(html_of(text))
    tags = set(re.findall(r"<\s*/?\s*([a-z0-9]+)", page, re.IGNORECASE))
    assert tags <= {"p", "a", "br"}
    assert not re.search(r"href=\"(?!https?:|mailto:)", page) and not re.search(r"<[^>]*\son\w+=", page)
    assert "src=" not in re.sub(r"&lt;.*?&gt;", "", page) and not INVISIBLE.search(page)


@pytest.mark.parametrize("text", HOSTILE)
def test_nor_can_it_in_a_markdown_file_under_any_reader(text: str) -> None:
    page = careless(markdown_of(text))
    assert not re.search(r"<(script|img|svg|style|iframe)", page, re.IGNORECASE), page
    targets = re.findall(r'<a href="([^"]*)"', page)
    assert all(target.startswith(("https:", "mailto:", "#")) for target in targets), page


@pytest.mark.parametrize("target", ["//files.example/share", "../audit.jsonl", "%6aavascript:alert(1)"])
def test_a_link_without_a_scheme_leads_nowhere(target: str) -> None:
    assert str(html_of(f"[a]({target})")) == '<p><a rel="noopener noreferrer nofollow">a</a></p>\n'
    assert f'href="#{target}"' in careless(markdown_of(f"[a]({target})"))


def test_markdown_keeps_what_people_use() -> None:
    text = "# Big\n\n**bold**, [us](https://example.org)\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    page = str(html_of(text))
    for tag in ("<h3>Big</h3>", "<strong>bold</strong>", "<li>two</li>", "<td>2</td>"):
        assert tag in page
    assert 'href="https://example.org"' in page and 'rel="noopener noreferrer nofollow"' in page
    assert str(html_of("![a cat](https://example.org/cat.png)")) == "<p>a cat</p>\n"
    assert str(html_of("## a\n\n### b")) == "<h3>a</h3>\n<h4>b</h4>\n", "no order is left out below the page's own"
    assert html_of(" \n ") == ""


def test_the_settings_repeat_it_and_tell_no_path(tmp_path: Path) -> None:
    spec = preset_spec(seeds=2)
    assert parse_spec(json.loads(repeat_of(spec).spec)) == spec
    data = spec.to_json()
    data["data"]["dataset"] = {"name": "image-folder", "params": {"path": "/home/ann/secret"}}
    told = repeat_of(parse_spec(data))
    assert "secret" not in told.spec and '"PATH1"' in told.spec
    assert told.command.endswith("--set data.dataset.params.path=PATH1")
