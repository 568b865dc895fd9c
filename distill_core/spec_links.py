"""Puts an experiment's settings into an address and takes them out again, whatever somebody wrote there."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any

from distill_core.errors import LabError
from distill_core.planned import digest
from distill_core.spec import ExperimentSpec

LONGEST_TOKEN = 6_000
"""Characters: browsers and proxies take addresses of about 8,000."""
LARGEST_SPEC_BYTES = 64 * 1024
# What tells nothing about what is learnt: a name, a text, and where it ran.
_NO_CAUSE = ("name", "shows", "device", "gpu_memory_gb", "processes", "latency")


class LinkDamaged(LabError):
    """An address whose settings cannot be read."""


class LinkTooLong(LabError):
    """Settings that are too many for an address."""


def token_of(spec: ExperimentSpec) -> str:
    """The settings as one word of letters, digits, - and _; raises LinkTooLong."""
    content = json.dumps(spec.to_json(), separators=(",", ":"), ensure_ascii=False)
    token = base64.urlsafe_b64encode(zlib.compress(content.encode(), 9)).decode().rstrip("=")
    if len(token) > LONGEST_TOKEN:
        raise LinkTooLong(
            f"These settings take {len(token):,} characters, more than the {LONGEST_TOKEN:,} that an address may hold. "
            "Share the experiment instead."
        )
    return token


def settings_of(token: str) -> dict[str, Any]:
    """The JSON behind a token, not yet checked; raises LinkDamaged."""
    damaged = LinkDamaged(
        "The address holds settings that cannot be read. Copy the whole link again, or open the lesson without them."
    )
    if len(token) > LONGEST_TOKEN:
        raise damaged
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(packed, LARGEST_SPEC_BYTES)
        # A small token can stand for gigabytes: nothing beyond the limit is ever unpacked.
        if not unpacking.eof:
            raise damaged
        found = json.loads(content)
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        raise damaged from None
    if not isinstance(found, dict):
        raise damaged
    return found


def likeness(spec: ExperimentSpec) -> str:
    """A digest that two complete specs share if they make the same networks, under whatever name and on any device."""
    return digest({name: value for name, value in spec.to_json().items() if name not in _NO_CAUSE})
