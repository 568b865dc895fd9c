"""Compressing from a page: the staircase in one press, chains edited without loss, errors beside their fields."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.services import Lab
from distill_core.spec import ExperimentSpec, read_spec
from tests.fixtures import build_compressed_experiment, build_finished_experiment, create_experiment, preset_spec
from tests.pages.design_form import launched, sentences

pytestmark = pytest.mark.usefixtures("layers")
PAGE, DETAIL, DESIGN = "experiments/compress.py", "experiments/detail.py", "experiments/design.py"


def widget(app: AppTest, path: str, variant: str = ""):
    """The widget of the chains' editor at a path, whatever the form's generation."""
    wanted = re.compile(rf"field-(compress)?\d+-compression\.{re.escape(path)}-{re.escape(variant)}")
    for kind in (app.button, app.number_input, app.text_input, app.selectbox, app.toggle, app.multiselect,
                 app.button_group):
        for one in kind:
            if wanted.match(one.key or ""):
                return one
    raise AssertionError(f"no field {path}")


def press(app: AppTest, path: str) -> AppTest:
    return widget(app, path).click().run()


def started(app: AppTest, home: Home) -> ExperimentSpec:
    """The spec that Start launches: the newest experiment's."""
    assert not app.exception and not sentences(app)
    app.button(key="start").click().run()
    assert not app.exception
    return read_spec(home.experiment(launched(home)[0].experiment_id).spec)


def words_of(app: AppTest) -> str:
    parts = [*app.success, *app.warning, *app.error, *app.info, *app.caption, *app.markdown]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def test_without_an_experiment_the_page_leads_to_the_list(open_page) -> None:
    app = open_page(PAGE)
    assert not app.exception and "names no experiment" in words_of(app)


def test_what_is_not_trained_yet_cannot_be_compressed(open_page, home: Home) -> None:
    worker = create_experiment(home)
    app = open_page(PAGE, **{"from": worker.experiment_id})
    assert not app.exception and "Nothing is trained in this experiment yet" in words_of(app)


def test_the_button_stands_on_ended_experiments_alone(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    assert open_page(DETAIL, id=identity).button(key="compress").label == "Compress"
    worker = create_experiment(home, spec=preset_spec(seeds=2, name="waits"))
    assert "compress" not in [button.key for button in open_page(DETAIL, id=worker.experiment_id).button]


def test_one_press_fills_in_the_staircase_and_start_makes_a_new_experiment(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = open_page(PAGE, **{"from": identity})
    assert app.button(key="start").disabled
    assert "9 trained runs are reused" in words_of(app)
    app = press(app, "stairs")
    assert widget(app, "drafts.0.of").value == ["student:distilled T=8"], "the best distilled student"
    spec = started(app, home)
    (chain,) = spec.compression.chains
    ready = Lab(home).catalogue().compression
    assert chain.of == "distilled T=8" and chain.seeds == "all"
    assert [ready[step.name].traits & {"network", "trains", "file"} for step in chain.steps] == [
        {"network"}, {"trains"}, {"file"},
    ]
    assert spec.name == "Digits: 100 images, better targets, compressed"
    source = read_spec(home.experiment(identity).spec)
    assert spec.students == Lab(home).complete(source.to_json()).students and spec.seeds == source.seeds


def test_several_strengths_and_variants_make_a_chain_each(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = press(open_page(PAGE, **{"from": identity}), "stairs")
    app = press(app, "drafts.0.steps.2.drop")
    widget(app, "drafts.0.of").set_value(["student:distilled T=8", "teacher"])
    app = widget(app, "drafts.0.steps.0.several").set_value(True).run()
    strength = next(one for one in app.text_input if "several" in (one.key or "") and "steps.0.params" in one.key)
    app = strength.set_value("0.3, 0.6").run()
    app = widget(app, "drafts.0.seeds").set_value("first").run()
    spec = started(app, home)
    assert [chain.of for chain in spec.compression.chains] == ["distilled T=8"] * 2 + ["teacher"] * 2
    entry = Lab(home).catalogue().compression[spec.compression.chains[0].steps[0].name]
    assert [chain.steps[0].params[entry.strength] for chain in spec.compression.chains] == [0.3, 0.6] * 2
    assert {chain.seeds for chain in spec.compression.chains} == {"first"}


def test_moving_and_adding_keeps_what_was_typed(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = press(open_page(PAGE, **{"from": identity}), "stairs")
    app.text_input[-1].set_value("My own name")
    widget(app, "drafts.0.steps.1.params.epochs").set_value(7)
    app = press(app, "drafts.0.steps.1.up")
    assert widget(app, "drafts.0.steps.0.params.epochs").value == 7
    app = press(app, "chain")
    # The new chain has no step yet: one sentence, and the first chain as it was.
    assert "at least one step" in " ".join(sentences(app)) and app.button(key="start").disabled
    app = press(app, "drafts.1.remove")
    spec = started(app, home)
    assert spec.compression.chains[0].steps[0].params["epochs"] == 7 and spec.name == "My own name"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("drafts.0.steps.1.params.epochs", 0), "at least 1"),
        (("drafts.0.of", []), "Choose what is compressed"),
        (("drafts.0.steps.1.params.temperature", 0.0), "above 0"),
    ],
)
def test_a_wrong_value_is_one_sentence_and_nothing_is_lost(open_page, home: Home, change, says: str) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = press(open_page(PAGE, **{"from": identity}), "stairs")
    app = widget(app, change[0]).set_value(change[1]).run()
    assert not app.exception
    assert len(sentences(app)) == 1 and says in sentences(app)[0]
    assert app.button(key="start").disabled
    assert widget(app, "drafts.0.steps.1.params.epochs").value in (0, 10)


def test_a_wrong_strength_of_many_is_told_once(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = press(open_page(PAGE, **{"from": identity}), "stairs")
    app = widget(app, "drafts.0.steps.0.several").set_value(True).run()
    strength = next(one for one in app.text_input if "several" in (one.key or "") and "steps.0.params" in one.key)
    app = strength.set_value("1, 0.5, 2").run()
    assert len(sentences(app)) == 1 and "below 1" in sentences(app)[0]
    app = strength.set_value("half").run()
    assert not app.exception and "a number" in sentences(app)[0]


def test_a_step_after_a_quantized_file_is_told_at_that_step(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = press(open_page(PAGE, **{"from": identity}), "stairs")
    app = press(app, "drafts.0.steps.2.up")
    assert "the last step of a chain" in " ".join(sentences(app))


def test_the_form_compresses_in_one_go_and_follows_a_renamed_student(open_page, home: Home) -> None:
    app = press(open_page(DESIGN), "stairs")
    name = next(one for one in app.text_input if (one.key or "").endswith("students.3.name-"))
    app = name.set_value("softly taught").run()
    app.button(key="start").click().run()
    assert not app.exception
    spec = read_spec(home.experiment(launched(home)[0].experiment_id).spec)
    assert [chain.of for chain in spec.compression.chains] == ["softly taught"]
    assert len(spec.compression.chains[0].steps) == 3


def test_same_as_but_keeps_the_compression(open_page, home: Home) -> None:
    identity = build_compressed_experiment(home)
    app = open_page(DESIGN, **{"from": identity})
    assert not app.exception
    app.button(key="start").click().run()
    again = read_spec(home.experiment(launched(home)[0].experiment_id).spec)
    assert again.compression == Lab(home).complete(
        read_spec(home.experiment(identity).spec).to_json()
    ).compression and again.compression.chains


class TestShown:
    def test_the_tab_sums_up_draws_and_warns(self, open_page, home: Home) -> None:
        identity = build_compressed_experiment(home)
        app = open_page(DETAIL, id=identity, tab="Compression")
        assert not app.exception
        told = words_of(app)
        assert re.search(r"From 9\.4 kB to 4\.7 kB \(2× smaller\), [\d.]+ points (lost|gained) \(95% CI", told)
        assert "1.5× slower here" in told and "“int8 static” is slower here" in told
        assert "Masked zeros do not speed up dense kernels" in told and "zip to 3.52 kB" in told
        assert len(app.get("plotly_chart")) >= 2
        zeros = next(table.value for table in app.dataframe if "zeros-0" in table.value.columns)
        assert list(zeros["layer"]) == ["0", "3", "7"] and set(zeros["zeros-0"]) == {50.0}

    def test_a_refused_step_is_told_with_its_reason(self, open_page, home: Home) -> None:
        identity = build_compressed_experiment(home)
        app = open_page(DETAIL, id=identity, tab="Compression", staircase="distilled T=8 › 50% cut")
        assert not app.exception
        assert "50% cut: Its graph cannot be cut; prune otherwise." in words_of(app)

    def test_only_compressed_experiments_have_the_tab(self, open_page, home: Home) -> None:
        identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
        app = open_page(DETAIL, id=identity)
        assert "Compression" not in [tab.label for tab in app.tabs]

    def test_verdicts_and_who_learns_leave_compressed_runs_out(self, open_page, home: Home) -> None:
        identity = build_compressed_experiment(home)
        app = open_page(DETAIL, id=identity)
        assert len(Lab(home).verdicts(identity)) == 3
        assert "the teacher from 1,157 labelled images; all students from 100" in words_of(app)

    def test_the_table_shows_children_below_their_parents(self, open_page, home: Home) -> None:
        identity = build_compressed_experiment(home)
        frame = open_page(DETAIL, id=identity).dataframe[0].value
        names = [str(name).strip() for name in frame["name"]]
        first = names.index("distilled T=8")
        assert names[first + 1 : first + 5] == ["↳ 50% zeros", "↳ fine-tuned (teacher)", "↳ int8 static", "↳ 50% cut"]
        assert set(frame["of"].dropna()) == {"distilled T=8"}
        refused = frame[frame["state"] == "refused"]
        assert set(refused["stop_rule"]) == {"Its graph cannot be cut; prune otherwise."}

    def test_differences_of_quantized_files_are_from_their_float_parent(self, open_page, home: Home) -> None:
        identity = build_compressed_experiment(home)
        parity = open_page(DETAIL, id=identity, tab="ONNX and latency").dataframe[0].value
        float_parent = parity[parity["against"] == "its float parent"]["run"]
        assert len(float_parent) == 2 and all("int8" in name for name in float_parent)

    def test_limits_come_from_the_address_and_name_the_winner(self, open_page, home: Home) -> None:
        identity = build_compressed_experiment(home)
        limits = {"cost": "File size", "most-bytes": "10000", "least": "0.9"}
        app = open_page(DETAIL, id=identity, tab="Trade-off", **limits)
        assert not app.exception
        assert "With at most 10 kB and at least 90% the best is “distilled T=8" in words_of(app)
        app = open_page(DETAIL, id=identity, tab="Trade-off", **{"most-bytes": "100"})
        assert "No network keeps to at most 100 B" in words_of(app)
        assert "is slower here than before that step" in words_of(app)

    def test_nonsense_limits_in_the_address_are_left_out(self, open_page, home: Home) -> None:
        identity = build_compressed_experiment(home)
        app = open_page(DETAIL, id=identity, tab="Trade-off", **{"most-bytes": "nan", "least": "x", "most-ms": "-1"})
        assert not app.exception and "Set a limit" in words_of(app)

    def test_a_compressed_run_brings_its_student_alone_to_the_comparison(self, home: Home) -> None:
        from pages.compare.choice import runs_of, with_the_alone

        identity = build_compressed_experiment(home)
        view = Lab(home).experiment(identity)
        runs = runs_of([view])
        chosen = [run for run in runs if run.role == "compressed" and run.seed == 1]
        choice = with_the_alone(chosen, runs, [view], Lab(home).catalogue())
        assert [(run.name, run.seed) for run in choice.added] == [("alone", 1)]


def test_the_result_tells_lineage_and_sizes(home: Home) -> None:
    identity = build_compressed_experiment(home)
    runs = Lab(home).result(identity)["runs"]
    by_id = {run["run_id"]: run for run in runs}
    int8 = next(run for run in runs if run["step"] == "static-int8")
    assert by_id[int8["parent"]]["step"] == "fine-tuning"
    assert int8["onnx_size_bytes"] == 4700 and int8["zipped_bytes"] == 3525
    assert by_id[runs[0]["run_id"]]["parent"] is None
