"""How the server is reached and who may come in, read once from the environment; the unsafe is refused at the start."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from distill_core.access import Role
from distill_core.errors import LabError

Mode = Literal["none", "token", "oidc"]
MODES: tuple[Mode, ...] = ("none", "token", "oidc")
TOKENS: Mapping[str, Role] = {
    "DISTILL_TOKEN": "admin", "DISTILL_OPERATOR_TOKEN": "operator", "DISTILL_VIEWER_TOKEN": "viewer",
}
SHORTEST_TOKEN = 16
CHECKED_OPTIONS: Mapping[str, tuple[Any, ...]] = {
    "server.enableXsrfProtection": (True,), "server.enableCORS": (True,), "browser.gatherUsageStats": (False,),
    "client.showErrorDetails": ("none", False), "server.trustedUserHeaders": ({},),
    "global.developmentMode": (False,),
    # A way in for programs, experimental, past the pages.
    "server.enableAgentApi": (False,),
}
"""Streamlit's options, and the values that keep what docs/security.md promises."""
_OIDC = ("DISTILL_OIDC_METADATA_URL", "DISTILL_OIDC_CLIENT_ID", "DISTILL_OIDC_CLIENT_SECRET", "DISTILL_OIDC_URL")
CALLBACK = "/oauth2callback"


class DoorsUnsafe(LabError):
    """The server would stand open, or its sign-in cannot work; it does not start."""


@dataclass(frozen=True)
class Doors:
    """`token_hashes`: SHA-256 of each start token, and the role it gives. `oidc`: Streamlit's secrets section `auth`.

    `new_token` is the admin's token where none was given: told once, at the start.
    """

    mode: Mode = "none"
    token_hashes: Mapping[str, Role] = field(default_factory=dict)
    allowed_hosts: frozenset[str] = frozenset()
    oidc: Mapping[str, Any] | None = None
    new_token: str = ""


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def read_doors(environment: MutableMapping[str, str] | None = None, *, secrets_file: bool = False) -> Doors:
    """From DISTILL_SIGN_IN and its companions; `secrets_file`: Streamlit's secrets.toml has a section `auth`.

    Tokens and secrets are taken out of the environment, so that no process started later inherits them. Raises
    DoorsUnsafe.
    """
    environment = os.environ if environment is None else environment
    mode = environment.get("DISTILL_SIGN_IN", "none").strip().lower() or "none"
    hosts = frozenset(
        name.strip().lower().rstrip(".") for name in environment.get("DISTILL_ALLOWED_HOSTS", "").split(",")
        if name.strip()
    )
    if any("/" in host or "*" in host for host in hosts):
        raise DoorsUnsafe(
            f"DISTILL_ALLOWED_HOSTS is {','.join(sorted(hosts))!r}; allowed: names of hosts with commas between them, "
            "without http:// and without asterisks. Name each host as it stands in the browser's address bar."
        )
    if mode == "none":
        return Doors(allowed_hosts=hosts)
    if mode == "token":
        given = {name: environment.pop(name, "") for name in TOKENS}
        for name, token in given.items():
            if token and len(token) < SHORTEST_TOKEN:
                raise DoorsUnsafe(
                    f"{name} has {len(token)} characters; allowed: {SHORTEST_TOKEN} or more. Leave it out to have one "
                    "made."
                )
        new = "" if given["DISTILL_TOKEN"] else secrets.token_urlsafe(32)
        found = {**given, "DISTILL_TOKEN": given["DISTILL_TOKEN"] or new}
        hashes = {digest(token): TOKENS[name] for name, token in found.items() if token}
        if len(hashes) < sum(map(bool, found.values())):
            raise DoorsUnsafe("Two roles have the same token; give each role a token of its own.")
        return Doors("token", hashes, hosts, new_token=new)
    if mode == "oidc":
        oidc = None if secrets_file else _oidc(environment)
        if oidc is not None:
            hosts |= {str(urlsplit(oidc["redirect_uri"]).hostname)}
        return Doors("oidc", {}, hosts, oidc)
    raise DoorsUnsafe(f"DISTILL_SIGN_IN is {mode[:40]!r}; allowed: {', '.join(MODES)}. Choose one of them.")


def _oidc(environment: MutableMapping[str, str]) -> dict[str, Any]:
    missing = [name for name in _OIDC if not environment.get(name)]
    if missing:
        raise DoorsUnsafe(
            f"Sign-in by OIDC lacks {', '.join(missing)}. Set them as docs/security.md tells, or put a section [auth] "
            "into .streamlit/secrets.toml."
        )
    url = urlsplit(environment["DISTILL_OIDC_URL"])
    if url.scheme not in ("http", "https") or not url.hostname:
        raise DoorsUnsafe(
            f"DISTILL_OIDC_URL is {environment['DISTILL_OIDC_URL'][:80]!r}; allowed: the dashboard's own address as "
            "browsers see it, such as https://lab.example.org. Correct it."
        )
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise DoorsUnsafe(
            "DISTILL_OIDC_URL begins with http://, so that everybody on the way could take over a sign-in; allowed: "
            "https://, or http:// on this machine. Put a proxy with a certificate before the dashboard."
        )
    return {
        "redirect_uri": environment["DISTILL_OIDC_URL"].rstrip("/") + CALLBACK,
        "cookie_secret": environment.pop("DISTILL_COOKIE_SECRET", "") or secrets.token_hex(32),
        "client_id": environment["DISTILL_OIDC_CLIENT_ID"],
        "client_secret": environment.pop("DISTILL_OIDC_CLIENT_SECRET"),
        "server_metadata_url": environment["DISTILL_OIDC_METADATA_URL"],
        "client_kwargs": {"scope": "openid email profile", "prompt": "select_account"},
    }


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address or name."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def check_address(address: str | None, doors: Doors) -> None:
    """Refuse to bind what others reach while nobody signs in. None and "" mean every address. Raises DoorsUnsafe."""
    if doors.mode == "none" and not is_loopback(address or "0.0.0.0"):
        raise DoorsUnsafe(
            f"Without sign-in the dashboard does not open itself to other machines, as the address "
            f"{address or '(all)'} would; allowed: 127.0.0.1, or sign-in. Start it with --sign-in token, or set "
            "DISTILL_SIGN_IN: see docs/security.md."
        )


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse Streamlit settings that would undo a promise. Raises DoorsUnsafe."""
    for name, allowed in CHECKED_OPTIONS.items():
        if name in options and options[name] not in allowed:
            raise DoorsUnsafe(
                f"Streamlit's option {name} is {options[name]!r}; allowed: {allowed[0]!r}. Take it out of the "
                "environment, the command and other config files."
            )
