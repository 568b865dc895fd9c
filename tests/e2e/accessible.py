"""A home with something on every page, and what a browser tells of a page's accessibility."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from distill_core.folders import Home
from distill_core.lessons import find_lesson
from distill_core.services import Lab
from tests.e2e.conftest import PHONE, WIDE, settled
from tests.examined_samples import write_examination
from tests.fixtures import build_compressed_experiment, build_finished_experiment, create_experiment, preset_spec
from tests.lens_samples import build_lens_digits
from tests.sweep_samples import SweepLab, sweep_data

SERIOUS = ("serious", "critical")
# No more than moderate for axe, but promised.
PROMISED = ("heading-order", "page-has-heading-one", "landmark-one-main")
# Streamlit's own menu of a phone puts the groups of the navigation into a list without items; nothing of ours is in it.
LISTS = ("list", "listitem")
MENU = "[data-testid=stSidebarNav]"
DARK = "() => getComputedStyle(document.querySelector('.stApp')).backgroundColor === 'rgb(15, 19, 24)'"
# What a keyboard must reach: every control that is seen and not left to the arrow keys of its group; the tools above
# a Plotly chart are its own.
CONTROLS = """root => [...root.querySelectorAll(
  'button, input, select, summary, textarea, a[href], [tabindex]')].filter(
  one => one.tabIndex >= 0 && !one.disabled && !one.matches('.modebar-btn, [role=radio]:not([aria-checked=true])')
    && one.checkVisibility({ visibilityProperty: true })
)"""
FOCUSED = """() => {
  let at = document.activeElement; while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement; """
# A component within may keep its own controls from view.
INSIDE = "Boolean(at?.closest('[data-walked]') || at?.getRootNode().host?.closest('[data-walked]'))"
MOST_IN_COMPONENTS = 24
LOOK = """const frames = []; for (let one = at, up = 0; one && up < 4; one = one.parentElement, up += 1) {
  const s = getComputedStyle(one);
  frames.push([s.outlineStyle === 'none' ? '' : s.outline, s.boxShadow, s.borderColor, s.backgroundColor].join('|'));
} """


def furnish(home: Home) -> str:
    """One with answers by epoch and an examination, lessons', a staircase, two that wait; returns the first's id."""
    Lab(home).queue.pause()
    identity = build_lens_digits(home, seeds=2)
    write_examination(home, Lab(home).experiment(identity))
    Lab(home).notes.write(identity, "Seen **twice**.")
    for name in ("weights", "no-help"):
        build_finished_experiment(home, spec=Lab(home).lessons.spec(find_lesson(name)), created_at=1_790_100_000)
    build_compressed_experiment(home, seeds=1, experiment_id="stairs")
    swept(home)
    for number in range(2):
        create_experiment(home, spec=preset_spec(seeds=1, name=f"waits {number}"), created_at=1_790_200_000 + number)
    return identity


def swept(home: Home) -> str:
    """A finished sweep of four cells; returns its id."""
    lab = SweepLab(home, Lab(home).catalogue())
    sweep_id = lab.launch(sweep_data(name="A small map"))
    lab.play(sweep_id)
    return sweep_id


def findings(page: Page, *, only: tuple[str, ...] = ()) -> list[str]:
    """What axe finds serious or against a promise, a line each with the first element it concerns."""
    options: dict[str, Any] = {"resultTypes": ["violations"]} | ({"runOnly": list(only)} if only else {})
    found: list[dict[str, Any]] = Axe().run(page, None, options).response["violations"]
    for one in found:
        one["nodes"] = [node for node in one["nodes"] if one["id"] not in LISTS or not _is_in_menu(page, node)]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} ({len(one['nodes'])} in all)"
        for one in found if one["nodes"] and (one["impact"] in SERIOUS or one["id"] in PROMISED)
    ]


def _is_in_menu(page: Page, node: dict[str, Any]) -> bool:
    return bool(page.locator(node["target"][0]).first.evaluate(f"one => one.closest('{MENU}') !== null"))


def too_wide(page: Page) -> list[str]:
    """Whether the page or its main part must be scrolled sideways."""
    over: list[int] = page.evaluate(
        "[document.documentElement, document.querySelector('[data-testid=stMain]')].filter(Boolean)"
        ".map(one => one.scrollWidth - one.clientWidth)"
    )
    return [f"{most} px too wide"] if (most := max(over)) > 0 else []


def troubles(page: Page) -> dict[str, list[str]]:
    """Of the page that is shown: wide and light, then on a phone in the dark; it is left wide and light."""
    found = {"light": findings(page) + too_wide(page)}
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    if page.locator(".stApp").count():
        page.wait_for_function(DARK)
        settled(page)
    found["dark"] = findings(page, only=("color-contrast",)) + too_wide(page)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return {theme: lines for theme, lines in found.items() if lines}


def walked(page: Page, root: Locator) -> tuple[list[str], list[str]]:
    """Tab through all of `root`: the controls that it never came to, and those whose focus cannot be seen.

    Fails if the keyboard cannot leave again.
    """
    names: list[str] = root.evaluate(f"""root => ({CONTROLS})(root).map((one, place) => {{
      root.dataset.walked = 1; one.dataset.place = place; return one.outerHTML.slice(0, 120);
    }})""")
    assert names, "there is nothing to reach"
    root.evaluate(f"root => ({CONTROLS})(root)[0].focus()")
    page.keyboard.press("Shift+Tab")
    seen: dict[int, str] = {}
    for _press in range(len(names) + MOST_IN_COMPONENTS):
        page.keyboard.press("Tab")
        place, look, inside = page.evaluate(
            f"{FOCUSED}{LOOK} return [Number(at?.dataset.place ?? -1), frames.join(' '), {INSIDE}]; }}"
        )
        if place < 0:
            if seen and not inside:
                break
            continue
        assert place not in seen, f"the keyboard is trapped at {names[place]}"
        seen[place] = look
    page.evaluate(f"{FOCUSED} at?.blur(); }}")
    resting = root.evaluate(f"""root => ({CONTROLS})(root).map(at => {{ {LOOK} return frames.join(' '); }})""")
    missed = [name for place, name in enumerate(names) if place not in seen]
    return missed, [names[place] for place, look in seen.items() if look == resting[place]]


def opened(page: Page, url: str) -> None:
    """Another address in the same tab, once it shows what it will."""
    page.goto(url)
    expect(page.locator("h1").first).to_be_visible()
    if page.locator(".stApp").count():
        settled(page)
