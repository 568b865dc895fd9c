"""The real server on a free port with a home of its own, and the system's Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from distill_core.folders import Home
from tests.e2e.waits import ANSWER_MS, TEST_S

ROOT = Path(__file__).parents[2]
CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run",
]
expect.set_options(timeout=ANSWER_MS)
WIDE, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("e2e") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_S))


@dataclass
class Server:
    """A running dashboard."""

    url: str
    home: Home
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def running_server(folder: Path, **settings: str) -> Iterator[Server]:
    """Starts `streamlit run app.py` with `settings` in its environment; at the end ends all of its home."""
    home = Home(folder / "home")
    home.path.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"DISTILL_HOME": str(home.path), "OMP_NUM_THREADS": "1"} | settings
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
            cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/lab/health", process, log)
        yield Server(url=f"http://127.0.0.1:{port}", home=home, process=process, log=log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
        _end_background_processes(home)


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}: {log.read_text()[-2000:]}")
        with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"the server did not answer: {log.read_text()[-2000:]}")


def _end_background_processes(home: Home) -> None:
    """Dispatcher, workers and preview helper of this home alone; its path is in their command or environment."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            named = str(home.path) in " ".join(process.cmdline())
            mine = named or process.environ().get("DISTILL_HOME") == str(home.path)
            if mine and process.pid != os.getpid():
                process.send_signal(signal.SIGKILL)


def settled(page: Page) -> None:
    """Waits until the page shows what the last script run made."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")


@pytest.fixture
def server(tmp_path: Path, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    """As its second start finds it: what can be chosen is described already, which takes seconds of both cores."""
    with_catalogue(Home(tmp_path / "home"))
    with running_server(tmp_path) as found:
        yield found


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    """As a newcomer has it."""
    with running_server(tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "Debian's chromium is needed for the browser tests"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


OpenTab = Callable[..., Page]


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """Opens an address in a context of its own; any uncaught error of the page's scripts fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def opened(url: str, *, theme: str = "light", phone: bool = False, locale: str = "en-US") -> Page:
        context = browser.new_context(
            viewport=PHONE if phone else WIDE, color_scheme=theme,  # type: ignore[arg-type]
            accept_downloads=True, locale=locale,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(ANSWER_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.wait_for_selector("h1")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not errors
