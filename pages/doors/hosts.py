"""Which names this server answers to, so that no foreign page reaches it by a name it points here (DNS rebinding)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from pages.doors.settings import is_loopback

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9.-]{1,253})(?::(?P<port>\d{1,5}))?")


def host_name(host: str) -> str | None:
    """The name in a Host header, without port, brackets and last dot; None for what is no host."""
    found = _HOST.fullmatch(host.lower())
    if found is None or int(found["port"] or 0) > 65_535:
        return None
    return found["name"].strip("[]").rstrip(".") or None


def is_allowed(host: str, *, allowed: Collection[str], sign_in: bool) -> bool:
    """Loopback and the allowed names; with sign-in any address in digits too, for no name leads there by deceit."""
    name = host_name(host)
    if name is None:
        return False
    return is_loopback(name) or name in allowed or (sign_in and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page of this origin is one of ours: the very host and port that it asks."""
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
