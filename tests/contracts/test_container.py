"""What the image and the compose file promise, as far as it can be read without a container engine."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from distill_core.cli.commands import app

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile, with continued lines joined and comments left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined]


def all_of(name: str) -> list[str]:
    return [rest for what, rest in instructions() if what == name]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8")))


def test_images_are_pinned_to_a_release(compose: dict[str, Any]) -> None:
    images = [*all_of("FROM"), compose["services"]["postgres"]["image"]]
    assert images and all(re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?-[\w-]+", image) for image in images)


def test_what_is_copied_is_there_and_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored, "what is not named stays out, secrets first"
    let_in = [line[1:].rstrip("/") for line in ignored if line.startswith("!")]
    assert not [name for name in let_in if not (ROOT / name).exists() or "secret" in name or ".env" in name]
    copied = [source.rstrip("/") for line in all_of("COPY") for source in shlex.split(line)[:-1]]
    assert {"requirements.txt", "app.py", "distill_core", "pages", ".streamlit"} <= set(copied)
    for source in copied:
        assert any(name == source or name.startswith(f"{source}/") for name in let_in), source
    for file in re.findall(r"-r (\S+)", " ".join(all_of("RUN"))):
        assert file in copied


def test_nobody_runs_as_root_and_the_code_is_not_theirs() -> None:
    order = [what for what, _ in instructions()]
    assert all_of("USER") == ["10001:10001"]
    assert order.index("USER") > max(place for place, what in enumerate(order) if what in ("COPY", "RUN"))
    assert not [line for line in all_of("COPY") if "--chown" in line]


def test_the_command_and_its_options_exist() -> None:
    entry, command = json.loads(all_of("ENTRYPOINT")[0]), json.loads(all_of("CMD")[0])
    assert entry == ["python", "-m", "distill_core"]
    group = typer.main.get_command(app)
    known = {word for option in group.commands[command[0]].params for word in option.opts + option.secondary_opts}
    options = [word for word in command[1:] if word.startswith("--")]
    assert options and set(options) <= known
    # It is open within the container, so somebody has to sign in.
    assert command[command.index("--address") + 1] == "0.0.0.0"
    assert "DISTILL_SIGN_IN=token" in " ".join(all_of("ENV"))


def test_the_health_check_asks_what_the_server_answers() -> None:
    from pages.ui.live.routes import lab_routes

    [check] = all_of("HEALTHCHECK")
    path = re.search(r"127\.0\.0\.1:8501(/[\w/]+)'", check)
    assert path is not None and path[1] in {getattr(route, "path", "") for route in lab_routes()}


def test_only_this_machine_reaches_the_dashboard_and_nobody_the_database(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["dashboard"]["ports"] == ["127.0.0.1:8501:8501"]
    assert all("ports" not in service for name, service in services.items() if name != "dashboard")
    assert services["postgres"]["networks"] == ["inside"] and compose["networks"]["inside"]["internal"] is True
    assert not [name for name, service in services.items() if service.get("privileged") or "network_mode" in service]
    assert services["dashboard"]["cap_drop"] == ["ALL"]


def test_every_secret_comes_from_outside_and_must_be_given(compose: dict[str, Any]) -> None:
    found = 0
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if re.search(r"TOKEN|PASSWORD|DATABASE_URL", name):
                found += 1
                assert re.search(r"\$\{\w+:\?", value), f"{name} is written down or may be empty"
    assert found == 3
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored


def test_volumes_and_dependencies_are_declared(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for volume in service["volumes"]:
            assert volume.partition(":")[0] in compose["volumes"]
        assert set(service["networks"]) <= set(compose["networks"])
    assert services["dashboard"]["volumes"] == ["lab:/data"] and '["/data"]' in all_of("VOLUME")
    waits = services["dashboard"]["depends_on"]["postgres"]["condition"]
    assert waits == "service_healthy" and services["postgres"]["healthcheck"]["test"][0] == "CMD-SHELL"
