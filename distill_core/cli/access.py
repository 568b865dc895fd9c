"""The commands that show and set who may do what, and how much."""

from __future__ import annotations

from typing import Annotated

import typer

from distill_core.access import Role
from distill_core.access_settings import AccessSettings
from distill_core.cli.terminal import print_json, print_table
from distill_core.errors import Problem, SpecError
from distill_core.services import Lab

access = typer.Typer(no_args_is_help=True, help="Roles and quotas of the people who sign in.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
_ROLES: dict[str, Role | None] = {"viewer": "viewer", "operator": "operator", "admin": "admin", "none": None}
_GB = 1_000_000_000


@access.command()
def show(as_json: Json = False) -> None:
    """Show roles and quotas."""
    _show(Lab().people.settings(), as_json)


@access.command("set")
def set_role(
    who: Annotated[str, typer.Argument(metavar="WHO", help="An e-mail address, a domain, or: default.")],
    role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, operator, admin, or none.")],
    as_json: Json = False,
) -> None:
    """Give a person, all of a domain, or everybody else a role; none takes it away."""
    if role not in _ROLES:
        raise SpecError([Problem("role", role, ", ".join(_ROLES), "Choose one of them.")])
    _show(Lab().people.set_role(who, _ROLES[role]), as_json)


@access.command()
def quota(
    queued: Annotated[int | None, typer.Option(min=0, help="Experiments that wait or run.")] = None,
    running: Annotated[int | None, typer.Option(min=0, help="Experiments that run at the same time.")] = None,
    disk_gb: Annotated[float | None, typer.Option(min=0, help="GB of experiments and uploads.")] = None,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="Take away those limits not named.")] = False,
    as_json: Json = False,
) -> None:
    """Set how much each person may use; admins have no limit."""
    named = {
        "queued": queued, "running": running, "disk_bytes": None if disk_gb is None else round(disk_gb * _GB)
    }
    changed = {name: value for name, value in named.items() if unlimited or value is not None}
    people = Lab().people
    _show(people.set_quotas(**changed) if changed else people.settings(), as_json)


def _show(settings: AccessSettings, as_json: bool) -> None:
    if as_json:
        print_json(settings.model_dump(mode="json"))
        return
    print_table("Roles", ("who", "role"), [
        *settings.roles.items(), *((f"everybody at {domain}", role) for domain, role in settings.domains.items()),
        ("everybody else", settings.default_role or "not let in"),
    ])
    quotas = settings.quotas
    disk = None if quotas.disk_bytes is None else f"{quotas.disk_bytes / _GB:g} GB"
    print_table("Quotas of each person", ("what", "at most"), [
        (what, "no limit" if limit is None else limit) for what, limit in (
            ("waiting or running", quotas.queued), ("running", quotas.running), ("disk", disk),
        )
    ])
