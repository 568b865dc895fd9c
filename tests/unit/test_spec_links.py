"""Settings in an address: they come back as they were, and nothing that somebody wrote there can do harm."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib

import pytest

from distill_core.presets import load_presets
from distill_core.spec import parse_spec
from distill_core.spec_links import (
    LARGEST_SPEC_BYTES,
    LONGEST_TOKEN,
    LinkDamaged,
    LinkTooLong,
    likeness,
    settings_of,
    token_of,
)
from tests.fixtures import preset_spec


def packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


@pytest.mark.parametrize("preset", load_presets(), ids=lambda preset: preset.name)
def test_every_preset_comes_back_as_it_was(preset) -> None:
    token = token_of(preset.spec)
    assert parse_spec(settings_of(token)) == preset.spec
    assert len(token) < 2_000, "short enough for any mail or chat"
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_settings_too_many_for_an_address_are_refused() -> None:
    spec = preset_spec()
    # Names without a pattern, for packing makes nothing of what repeats.
    students = tuple(
        spec.students[0].model_copy(update={"name": hashlib.sha256(bytes([number])).hexdigest()})
        for number in range(200)
    )
    with pytest.raises(LinkTooLong, match="more than the 6,000"):
        token_of(spec.model_copy(update={"students": students}))


@pytest.mark.parametrize("token", [
    "x", "%%%", "a b", "é", "AAAA", "eJw=", packed(b"not json"), packed(b"[1, 2]"), packed(b"[" * 20_000),
    packed(b'{"a":' * 5_000), "A" * (LONGEST_TOKEN + 1), packed(b"\xff\xfe"), token_of(preset_spec())[:-8],
], ids=lambda token: token[:12])
def test_what_cannot_be_read_is_one_sentence(token: str) -> None:
    with pytest.raises(LinkDamaged, match="Copy the whole link again"):
        settings_of(token)


def test_a_small_address_never_becomes_a_large_text() -> None:
    bomb = packed(json.dumps({"shows": "0" * (40 * LARGEST_SPEC_BYTES)}).encode())
    assert len(bomb) < LONGEST_TOKEN, "it would be let in by its length"
    with pytest.raises(LinkDamaged):
        settings_of(bomb)


def test_likeness_is_of_what_is_learnt_and_nothing_else() -> None:
    spec = preset_spec()
    same = spec.model_copy(update={"name": "another", "shows": "", "device": "cpu"})
    assert likeness(same) == likeness(spec)
    for change in ({"seeds": (0, 1)}, {"students": spec.students[:-1]},
                   {"data": spec.data.model_copy(update={"student_labels": 90})}):
        assert likeness(spec.model_copy(update=change)) != likeness(spec)
