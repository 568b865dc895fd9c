"""Presenter mode through a real browser: keys lead on and back, a slider keeps its own arrows, Esc leaves."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from distill_core.lessons import find_lesson
from distill_core.services import Lab
from tests.e2e.conftest import OpenTab, Server, settled
from tests.fixtures import build_finished_experiment

pytestmark = pytest.mark.e2e


def test_keys_lead_through_a_lesson_on_a_projector(server: Server, open_tab: OpenTab) -> None:
    lesson = find_lesson("weights")
    build_finished_experiment(server.home, spec=Lab(server.home).lessons.spec(lesson))
    page = open_tab(f"{server.url}/learn?lesson={lesson.name}", theme="dark")
    page.set_viewport_size({"width": 1024, "height": 768})
    page.get_by_role("link", name="Present").click()
    title = page.get_by_role("heading", level=1)
    expect(page).to_have_url(re.compile("present=1"))
    expect(page.get_by_role("button", name="Next")).to_be_visible()
    expect(page.get_by_role("link", name="New experiment")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(title).to_have_text(lesson.parts[0].title)
    # Two presses before the page has followed the first are two steps.
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    expect(title).to_have_text(lesson.parts[2].title)
    page.keyboard.press("PageUp")
    expect(title).to_have_text(lesson.parts[1].title)
    page.get_by_role("button", name="Try it").click()
    expect(title).to_have_text("Try it")
    settled(page)
    thumb = page.get_by_role("slider", name="Weight of the teacher")
    thumb.focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("weight=75"))
    expect(title).to_have_text("Try it")
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024
    page.keyboard.press("PageDown")
    expect(title).to_have_text("A question")
    expect(page).to_have_url(re.compile("step=8"))
    # Reloading finds the same step, and leaving keeps what was chosen.
    page.reload()
    expect(title).to_have_text("A question")
    settled(page)
    # Who listens to the keys comes after the page itself.
    expect(page.get_by_role("button", name="Next")).to_be_visible()
    page.keyboard.press("Escape")
    # While one page gives way to the other, both have their title for a moment.
    expect(title.first).to_have_text(lesson.title)
    expect(title).to_have_count(1)
    expect(page.get_by_role("link", name="New experiment").first).to_be_visible()
    expect(page).not_to_have_url(re.compile("present=1"))
    expect(page).to_have_url(re.compile("weight=75"))
    settled(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert "spec=" in link and "weight=75" in link and "present" not in link
    again = open_tab(link, phone=True)
    expect(again.get_by_role("heading", level=1)).to_have_text(lesson.title)
    expect(again.get_by_text("settings of its own")).to_have_count(0)
    settled(again)
    expect(again.get_by_role("slider", name="Weight of the teacher")).to_have_attribute("aria-valuetext", "75%")
    assert again.evaluate("document.documentElement.scrollWidth") <= 390
