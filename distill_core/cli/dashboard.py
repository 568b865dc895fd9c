"""The command that starts the dashboard, with its doors."""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from typing import Annotated, Literal

import typer

from distill_core.access import Role
from distill_core.cli import server
from distill_core.cli.terminal import print_json, say
from distill_core.errors import Conflict, LabError
from distill_core.presets import find_preset
from distill_core.services import Lab
from distill_core.store.transitions import ACTIVE

DEMO = "digits"
_TOKEN_NAMES: dict[Role, str] = {
    "admin": "DISTILL_TOKEN", "operator": "DISTILL_OPERATOR_TOKEN", "viewer": "DISTILL_VIEWER_TOKEN",
}


def ui(
    demo: Annotated[bool, typer.Option("--demo", help="Launch the digits experiment and open its live page.")] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Default: the first free one from 8501.")] = None,
    address: Annotated[
        str, typer.Option(help="Where to listen; others than this machine need --sign-in. 0.0.0.0 is everywhere.")
    ] = server.LOOPBACK,
    sign_in: Annotated[
        Literal["none", "token", "oidc"] | None,
        typer.Option(help="Who may come in: see docs/security.md. Default: DISTILL_SIGN_IN, or none."),
    ] = None,
    operator_token: Annotated[
        bool, typer.Option("--operator-token", help="A second link, for people who may launch.")
    ] = False,
    viewer_token: Annotated[
        bool, typer.Option("--viewer-token", help="A second link, for people who may only look.")
    ] = False,
    allowed_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name by which browsers reach this dashboard.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Start the dashboard. As JSON: its address and links, once it answers, and the demo's experiment."""
    lab = Lab()
    # Better said here than on every page.
    with lab.home.usable():
        pass
    environment = server.door_settings(sign_in, allowed_host or [])
    wanted: dict[Role, bool] = {"admin": True, "operator": operator_token, "viewer": viewer_token}
    roles = [role for role, is_wanted in wanted.items() if is_wanted]
    tokens = _tokens(environment, roles)
    chosen, path, experiment_id = server.choose_port(port), "/", None
    if demo:
        preset = find_preset(DEMO)
        active = lab.experiments(states=tuple(ACTIVE), search=preset.spec.name, limit=1)
        experiment_id = active[0].experiment_id if active else lab.launch(preset.spec)
        path = f"/experiment?id={experiment_id}"
    else:
        # The first page should not have to wait for it.
        threading.Thread(target=_read_ahead, args=(lab,), name="catalogue", daemon=True).start()
    say("Starting the dashboard …")

    def announce(url: str) -> None:
        links = {role: f"{url}{'&' if '?' in url else '?'}token={token}" for role, token in tokens.items()}
        if as_json:
            print_json({"url": url, "experiment_id": experiment_id} | ({"links": links} if links else {}))
            return
        say(f"Distill Lab is ready: {url}")
        for role, link in links.items():
            say(f"Sign in as {role}: {link}")
        say("Ctrl-C ends the dashboard; experiments go on.")

    first = f"{'&' if '?' in path else '?'}token={tokens['admin']}" if tokens else ""
    code = server.serve(
        chosen, path, address=address, environment=environment, open_with=first,
        open_browser=browser and server.has_screen(), on_ready=announce,
    )
    raise typer.Exit(code)


def _tokens(environment: dict[str, str], roles: list[Role]) -> dict[Role, str]:
    """The start tokens of these roles, those of the environment before new ones; put into it for the server."""
    if environment.get("DISTILL_SIGN_IN") != "token":
        if len(roles) > 1:
            raise Conflict("Tokens for viewers and operators need --sign-in token; add it, or leave them out.")
        return {}
    found: dict[Role, str] = {}
    for role, name in _TOKEN_NAMES.items():
        if role in roles or environment.get(name):
            found[role] = environment[name] = environment.get(name) or secrets.token_urlsafe(32)
    return found


def _read_ahead(lab: Lab) -> None:
    # What is wrong, the page that needs the catalogue tells.
    with suppress(LabError):
        lab.catalogue()
