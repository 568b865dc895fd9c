"""Every lesson has all its parts in both languages, runs on settings that are allowed and answers from real figures."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from distill_core.folders import Home
from distill_core.language import Language, speaking
from distill_core.language.catalogues import messages
from distill_core.lessons import Lesson, load_lessons
from distill_core.lessons.outcome import Outcome
from distill_core.plan import code_of, make_plan
from distill_core.planned import Origin
from distill_core.presets import find_preset
from distill_core.services import Lab
from distill_core.spec_links import likeness
from tests.fixtures import FakeWorker, build_finished_experiment, create_experiment

LESSONS = load_lessons()
NAMES = [lesson.name for lesson in LESSONS]
FIGURE = re.compile(r"\d+(?:\.\d+)?%|[+−-]\d+\.\d|\d+(?:\.\d+)? (?:kB|B|ms)")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, described) -> Lab:
    from distill_core.jobs.catalogue import code_version

    home = Home(tmp_path_factory.mktemp("lessons") / "home")
    home.cache.mkdir(parents=True)
    home.catalogue(code_version()).write_bytes(described.read_bytes())
    return Lab(home)


def texts(lesson: Lesson) -> list[str]:
    parts = [text for part in lesson.parts for text in (part.title, part.text)]
    return [
        lesson.title, lesson.summary, *parts, lesson.formula.reads, lesson.control_says, lesson.question,
        *(paper.says for paper in lesson.papers),
    ]


def stairs(worker: FakeWorker) -> None:
    for run in [run for run in worker.runs if run.name == "distilled"]:
        cut = worker.compress(run, "structured-pruning", "33% cut", loss=0.05, shrinks=0.6)
        tuned = worker.compress(cut, "fine-tuning", "fine-tuned (teacher)", loss=-0.04)
        worker.compress(tuned, "static-int8", "int8 static", shrinks=0.4, slows=2.0)
        worker.compress(run, "static-int8", "int8 static", shrinks=0.4, slows=2.0)


def outcome_of(lab: Lab, lesson: Lesson) -> Outcome:
    spec = lab.lessons.spec(lesson)
    if not lab.lessons.standing(spec).is_ready:
        if spec.compression.chains:
            create_experiment(lab.home, spec=spec, experiment_id=lesson.name).complete(then=stairs)
        else:
            build_finished_experiment(lab.home, spec=spec, experiment_id=lesson.name)
    identity = lab.lessons.standing(spec).experiment_id
    return Outcome(lab.experiment(identity), tuple(lab.verdicts(identity)))


def test_the_seven_lessons_are_found_in_their_order() -> None:
    assert [lesson.number for lesson in LESSONS] == list(range(1, 8))


@pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
def test_a_lesson_has_all_its_parts(lesson: Lesson) -> None:
    assert 3 <= len(lesson.parts) <= 6
    assert all(len(part.text.split()) <= 110 for part in lesson.parts), "short"
    assert "\\" in lesson.formula.latex and lesson.formula.reads
    assert lesson.control and lesson.control_says and lesson.question.endswith("?")
    assert re.fullmatch(r"[a-z0-9-]+", lesson.name) and lesson.minutes <= 10
    assert all(paper.url.startswith("https://arxiv.org/abs/") for paper in lesson.papers)


@pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
def test_a_lesson_is_written_in_both_languages(lesson: Lesson) -> None:
    chinese = messages("zh")
    for text in texts(lesson):
        assert re.search(r"[\u4e00-\u9fff]", chinese.get(text, "")), f"not translated: {text}"
        # Paragraphs and lists keep their shape.
        assert chinese[text].count("\n") == text.count("\n")


@pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
def test_its_settings_are_allowed_small_and_fit_it(lab: Lab, lesson: Lesson) -> None:
    spec = lab.lessons.spec(lesson)
    assert lesson.fits(spec) == ""
    assert spec.data.dataset.name == "digits", "no download"
    assert len(spec.students) * len(spec.seeds) <= 30
    assert any(lab.catalogue().needs_teacher(student) for student in spec.students)
    assert any(not lab.catalogue().needs_teacher(student) for student in spec.students), "the student alone beside it"


@pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_its_answer_comes_from_the_figures(lab: Lab, lesson: Lesson, language: Language) -> None:
    outcome = outcome_of(lab, lesson)
    worse = tuple(
        replace(run, accuracy=(run.accuracy or 0) * 0.83, per_class=tuple(share * 0.7 for share in run.per_class))
        for run in outcome.view.runs
    )
    with speaking(language):
        told = lesson.answer(outcome)
        other = lesson.answer(Outcome(replace(outcome.view, runs=worse), outcome.verdicts))
    assert len(told) >= 2 and FIGURE.search(" ".join(told))
    assert told != other, "other figures, the same answer"
    assert "{" not in " ".join(told)
    if language == "zh":
        assert all(re.search(r"[\u4e00-\u9fff]", sentence) for sentence in told)


@pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
def test_an_experiment_without_any_figure_is_answered_without_a_failure(lab: Lab, lesson: Lesson) -> None:
    outcome = outcome_of(lab, lesson)
    nothing = tuple(replace(run, accuracy=None, per_class=(), onnx_size_bytes=None) for run in outcome.view.runs)
    assert all(lesson.answer(Outcome(replace(outcome.view, runs=nothing), ())))


@pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
def test_settings_of_another_kind_are_refused_in_a_sentence(lab: Lab, lesson: Lesson) -> None:
    spec = find_preset("text-sst2").spec
    plain = spec.model_copy(update={"students": spec.students[:1]})
    refused = lesson.fits(plain)
    assert refused.startswith("This lesson needs") and refused in messages("zh")


def test_the_first_lesson_is_the_demo_so_that_it_is_there_at_once(lab: Lab) -> None:
    demo = lab.catalogue().check(find_preset("digits").spec)
    assert likeness(lab.lessons.spec(LESSONS[0])) == likeness(demo)


def test_what_lessons_share_is_trained_once(lab: Lab) -> None:
    """The teacher and the student alone of the demo have the same names in the lessons on temperature and weights."""
    def runs_of(name: str) -> set[str]:
        spec = lab.lessons.spec(next(lesson for lesson in LESSONS if lesson.name == name))
        origin = Origin(torch="2", device_kind="cpu", fingerprint="x", code=code_of(spec, lab.catalogue()))
        return {run.run_id for run in make_plan(spec, lab.catalogue(), origin=origin).runs}

    demo = runs_of("beyond-the-label")
    # The teacher, and of five seeds the student alone; at T = 1 and T = 8 the demo has the distilled one as well.
    assert len(demo & runs_of("temperature")) == 1 + 5 * 3
    assert len(demo & runs_of("weights")) == 1 + 5
