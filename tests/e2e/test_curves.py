"""The live chart alone, fed with made-up answers: appending, replacing, theme, trouble and the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from distill_core.folders import Home
from distill_core.store.store import Store
from tests.e2e import chart
from tests.e2e.conftest import OpenTab, Server, running_server
from tests.fixtures import build_finished_experiment, preset_spec

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("curves")
    with_catalogue(Home(folder / "home"))
    with running_server(folder) as server:
        students = preset_spec().to_json()["students"]
        terms = [{"loss": {"name": "cross-entropy"}}, {"loss": {"name": "kd"}}]
        spec = preset_spec(seeds=2, students=[*students[:3], students[3] | {"name": "two terms", "terms": terms}])
        build_finished_experiment(server.home, spec=spec, experiment_id="one")
        yield server


def style(name: str) -> dict[str, Any]:
    look = {"color": "#0072B2", "dash": "solid", "symbol": "circle", "name": name, "group": name}
    return {"light": look, "dark": look | {"color": "#56B4E9"}}


RUNS = [
    {"id": f"r{seed}", "role": "student", "seed": seed, "finished": False, "best_epoch": None, "stop_rule": "",
     "style": style("made up")}
    for seed in (0, 1)
]


def point(run: str, epoch: int, accuracy: float | None, *, best: bool = False) -> list[Any]:
    norms = {"cross-entropy": 1.0, "kd": 4.0} if epoch % 2 else {}
    return [run, epoch, 1.0, accuracy, 1.0, {"cross-entropy": 0.25, "kd": 0.75}, best, norms]


def feed(page: Page, answers: dict[int, dict[str, Any]], *, runs: list[dict[str, Any]] = RUNS) -> None:
    """Answers by cursor; a cursor without one is quiet."""

    def answer(route: Route) -> None:
        since = int(route.request.url.split("since=")[1].split("&")[0])
        content = {"state": "running", "cursor": since, "points": []} | answers.get(since, {})
        if "runs=1" in route.request.url:
            content["runs"] = runs
        route.fulfill(body=json.dumps(content), content_type="application/json")

    page.route("**/lab/live/**", answer)


@pytest.fixture
def fed(furnished: Server, open_tab: OpenTab) -> Callable[[dict[int, dict[str, Any]]], Page]:
    def opened(answers: dict[int, dict[str, Any]], *, runs: list[dict[str, Any]] = RUNS) -> Page:
        page = open_tab(f"{furnished.url}/machine")
        feed(page, answers, runs=runs)
        page.goto(f"{furnished.url}/experiment?id=one")
        return page

    return opened


def line(page: Page, run: str) -> list[list[float]]:
    script = """([selector, id]) => { const found = document.querySelector(selector).data.find(t => t.uid === id);
        return [[...found.x], [...found.y]]; }"""
    found: list[list[float]] = page.evaluate(script, [chart.PLOT, run])
    return found


def wait_for_points(page: Page, number: int) -> None:
    page.wait_for_function(
        "n => (document.querySelector('.lab-plot')?.data || []).filter(t => /^r/.test(t.uid))"
        ".reduce((sum, t) => sum + t.x.length, 0) === n",
        arg=number,
    )


def test_new_points_are_appended(fed) -> None:
    page = fed({
        0: {"cursor": 2, "points": [point("r0", 1, 0.5), point("r0", 2, 0.6, best=True)]},
        2: {"cursor": 3, "points": [point("r0", 3, 0.7, best=True)]},
    })
    wait_for_points(page, 3)
    assert line(page, "r0") == [[1, 2, 3], [50, 60, 70]]
    best = page.evaluate("s => document.querySelector(s).data.find(t => t.uid.startsWith('best_')).x", chart.PLOT)
    assert best == [3]


def test_an_epoch_told_again_replaces_the_first(fed) -> None:
    page = fed({
        0: {"cursor": 3, "points": [point("r0", epoch, 0.5) for epoch in (1, 2, 3)]},
        3: {"cursor": 5, "points": [point("r0", 2, 0.9), point("r0", 4, 0.95)]},
    })
    wait_for_points(page, 4)
    assert line(page, "r0") == [[1, 2, 3, 4], [50, 90, 50, 95]]


def test_a_run_that_begins_later_gets_its_own_line(fed) -> None:
    page = fed({
        0: {"cursor": 2, "points": [point("r0", 1, 0.5), point("r0", 2, 0.5)]},
        2: {"cursor": 4, "points": [point("r1", 1, 0.6), point("r1", 2, 0.7)]},
    })
    wait_for_points(page, 4)
    assert line(page, "r1") == [[1, 2], [60, 70]]
    shown = page.evaluate("s => document.querySelector(s).data.filter(t => t.showlegend).length", chart.PLOT)
    assert shown == 1


def test_a_readers_zoom_and_hidden_lines_outlast_what_arrives(fed) -> None:
    answers = {0: {"cursor": 30, "points": [point("r0", epoch, 0.5 + epoch / 100) for epoch in range(1, 31)]}}
    page = fed(answers)
    wait_for_points(page, 30)
    whole = chart.x_range(page)
    epochs = chart.zoom(page, down=0.3)
    shown = chart.y_range(page)
    # A new run, far above all others: the chart is drawn anew, and its fitted range would be another.
    answers[30] = {"cursor": 60, "points": [point("r1", epoch, 0.95, best=True) for epoch in range(1, 31)]}
    wait_for_points(page, 60)
    answers[60] = {"cursor": 61, "points": [point("r1", 31, 0.99, best=True)]}
    wait_for_points(page, 61)
    assert (chart.x_range(page), chart.y_range(page)) == (epochs, shown)
    chart.click_legend(page, "made up")
    page.wait_for_function("() => document.querySelector('.lab-plot')._fullData[0].visible === 'legendonly'")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("() => document.querySelector('.lab-plot').data[0].line.color === '#56B4E9'")
    assert (chart.x_range(page), chart.y_range(page)) == (epochs, shown)
    assert chart.visible(page, "made up") == ["legendonly"]
    chart.click_legend(page, "made up")
    page.wait_for_function("() => document.querySelector('.lab-plot')._fullData[0].visible === true")
    page.locator(f"{chart.PLOT} .nsewdrag").first.dblclick()
    page.wait_for_function("([s, low]) => document.querySelector(s)._fullLayout.xaxis.range[0] <= low",
                           arg=[chart.PLOT, whole[0]])


def test_a_diverged_epoch_is_a_gap(fed) -> None:
    page = fed({0: {"cursor": 3, "points": [point("r0", 1, 0.5), point("r0", 2, None), point("r0", 3, 0.6)]}})
    wait_for_points(page, 3)
    assert line(page, "r0") == [[1, 2, 3], [50, None, 60]]


def test_shares_of_loss_and_gradient_are_stacked(furnished: Server, fed) -> None:
    """Of one variant, the mean over its seeds; a gradient only where it was measured."""
    both = [run.run_id for run in Store(furnished.home).experiment("one").runs if run.name == "two terms"]
    assert len(both) == 2
    first = {0: {"cursor": 2, "points": [point(run, epoch, 0.5) for run in both for epoch in (1, 2, 3)]}}
    page = fed(first, runs=[one | {"id": run} for one, run in zip(RUNS, both, strict=True)])
    page.wait_for_function("() => document.querySelector('.lab-plot')?.data?.some(t => t.x.length === 3)")
    page.get_by_role("radio", name="Loss shares").or_(page.get_by_role("button", name="Loss shares")).first.click()
    page.wait_for_function("() => document.querySelector('.lab-plot').data.some(t => t.uid === 'stack_1')")
    assert [line(page, "stack_0"), line(page, "stack_1")] == [[[1, 2, 3], [25] * 3], [[1, 2, 3], [75] * 3]]
    page.get_by_role("radio", name="Gradient").or_(page.get_by_role("button", name="Gradient")).first.click()
    page.wait_for_function("() => document.querySelector('.lab-plot').data[1].y[0] === 80")
    assert [line(page, "stack_0"), line(page, "stack_1")] == [[[1, 3], [20, 20]], [[1, 3], [80, 80]]]
    assert chart.y_range(page) == [0, 100]
    feed(page, {2: {"cursor": 3, "points": [point(both[0], 5, 0.5)]}})
    page.wait_for_function("() => document.querySelector('.lab-plot').data[1].x.length === 3")


def test_of_many_variants_those_that_lead_are_drawn_and_the_others_a_press_away(fed) -> None:
    runs = [
        RUNS[0] | {"id": f"r{number}", "style": style(f"v{number}"), "leads": number >= 2} for number in range(10)
    ]
    page = fed({
        0: {"cursor": 2, "points": [point(run["id"], epoch, 0.5) for run in runs for epoch in (1, 2)]},
        2: {"cursor": 3, "points": [point(run["id"], 3, 0.6) for run in runs]},
    }, runs=runs)
    # What is not drawn must not have the chart drawn anew at every tick: the third epoch is appended.
    wait_for_points(page, 8 * 3)
    bar = page.locator(".lab-lines")
    expect(bar).to_contain_text("8 of 10 are shown")
    names = "s => document.querySelector(s).data.filter(t => t.showlegend).map(t => [t.name, t.visible])"
    assert page.evaluate(names, chart.PLOT) == [[f"v{number}", True] for number in range(2, 10)]
    bar.get_by_role("button", name="List all 10").click()
    listed = "([s, n]) => document.querySelector(s).data.filter(t => t.showlegend).length === n"
    page.wait_for_function(listed, arg=[chart.PLOT, 10])
    assert page.evaluate(names, chart.PLOT)[:3] == [["v0", "legendonly"], ["v1", "legendonly"], ["v2", True]]
    assert "lines=all" in page.url
    chart.click_legend(page, "v0")
    page.wait_for_function("s => document.querySelector(s)._fullData.find(t => t.name === 'v0').visible === true",
                           arg=chart.PLOT)
    bar.get_by_role("button", name="Only the 8").click()
    page.wait_for_function(listed, arg=[chart.PLOT, 9])
    assert page.evaluate(names, chart.PLOT)[0] == ["v0", True], "what the reader asked for stays"
    assert "lines=all" not in page.url


def test_a_change_of_theme_redraws_without_a_script_run(fed) -> None:
    page = fed({0: {"cursor": 2, "points": [point("r0", 1, 0.5), point("r0", 2, 0.5)]}})
    wait_for_points(page, 2)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("() => document.querySelector('.lab-plot').data[0].line.color === '#56B4E9'")


def test_a_lost_server_is_told_and_found_again(fed) -> None:
    page = fed({0: {"cursor": 2, "points": [point("r0", 1, 0.5), point("r0", 2, 0.5)]}})
    wait_for_points(page, 2)
    page.unroute("**/lab/live/**")
    page.route("**/lab/live/**", lambda route: route.abort())
    expect(page.locator(".lab-status")).to_contain_text("No connection")
    page.unroute("**/lab/live/**")
    feed(page, {2: {"cursor": 3, "points": [point("r0", 3, 0.7)]}})
    wait_for_points(page, 3)
    expect(page.locator(".lab-status")).to_have_text("Live")


def test_polling_ends_with_the_experiment(fed) -> None:
    page = fed({
        0: {"cursor": 1, "points": [point("r0", 1, 0.5)]}, 1: {"state": "succeeded", "cursor": 1, "points": []},
    })
    wait_for_points(page, 1)
    page.wait_for_function("() => document.querySelector('.lab-root').lab.ended")
    expect(page.locator(".lab-status")).to_have_text("")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/lab/live/" in request.url else None)
    page.wait_for_timeout(2000)
    assert asked == []


def test_ten_thousand_epochs_are_thinned_and_keep_both_ends(fed) -> None:
    points = [point("r0", epoch, 0.5 + 0.4 * (epoch % 7) / 7) for epoch in range(1, 10_001)]
    page = fed({0: {"cursor": 9, "points": points}})
    chart.wait_for_curves(page)
    xs, ys = line(page, "r0")
    assert len(xs) <= 1000 and xs[0] == 1 and xs[-1] == 10_000
    assert max(ys) == pytest.approx(50 + 40 * 6 / 7) and min(ys) == 50


def test_gaps_hide_no_extreme_of_a_thinned_curve(fed) -> None:
    def accuracy(epoch: int) -> float | None:
        return {5000: 0.9, 7001: 0.1}.get(epoch, 0.5 if epoch % 3 else None)

    points = [point("r0", epoch, accuracy(epoch)) for epoch in range(1, 10_001)]
    page = fed({0: {"cursor": 9, "points": points}})
    chart.wait_for_curves(page)
    xs, ys = line(page, "r0")
    numbers = [y for y in ys if y is not None]
    assert len(xs) <= 1000 and (max(numbers), min(numbers)) == (90, 10)


def test_a_line_that_grows_beyond_the_limit_is_cut_again(fed) -> None:
    page = fed({
        0: {"cursor": 1, "points": [point("r0", epoch, 0.5) for epoch in range(1, 1001)]},
        1: {"cursor": 2, "points": [point("r0", epoch, 0.5) for epoch in range(1001, 1151)]},
        2: {"cursor": 3, "points": [point("r0", 1151, 0.7)]},
    })
    page.wait_for_function(
        "() => document.querySelector('.lab-plot')?.data?.find(t => t.uid === 'r0')?.x.at(-1) === 1151"
    )
    assert len(line(page, "r0")[0]) <= 1000


def test_markup_in_a_name_stays_text(furnished: Server, open_tab: OpenTab) -> None:
    data = preset_spec(seeds=1).to_json()
    data["students"][3]["name"] = "<b>T=8</b><img src=x onerror=alert(1)>"
    spec = type(preset_spec()).model_validate(data)
    build_finished_experiment(Home(furnished.home.path), spec=spec, experiment_id="markup")
    page = open_tab(f"{furnished.url}/experiment?id=markup")
    chart.wait_for_curves(page)
    expect(page.locator(f"{chart.PLOT} .legend").get_by_text("<b>T=8</b>", exact=False).first).to_be_visible()
    assert page.locator("img[src='x']").count() == 0
