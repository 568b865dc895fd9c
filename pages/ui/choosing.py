"""Choosing one entry of a registry in a form: by its title, its summary and its parameters."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import streamlit as st

from distill_core.entries import Registry
from distill_core.language import _, told
from distill_core.spec import Frozen
from pages.ui.fields import Fields

Json = dict[str, Any]


def schema_of(model: type[Frozen], name: str, help_text: str = "") -> Json:
    """The JSON schema of one field of a spec's part, with a help text where it has none."""
    found: Json = dict(_properties(model)[name])
    return found | {"description": found.get("description") or help_text}


@cache
def _properties(model: type[Frozen]) -> Json:
    """Built once: the schemas of a page's fields take longer than the fields. Not to be changed."""
    found: Json = model.model_json_schema()["properties"]
    return found


def choice(
    fields: Fields, path: str, registry: Registry[Any], value: Json, *, label: str, able: Collection[str] = (),
    without: str = "",
) -> Json:
    """An entry, of those that have the traits `able` and not `without`, and its parameters."""
    names = [entry.name for entry in registry if entry.traits.issuperset(able) and without not in entry.traits]
    # Other data offer other entries: they are part of the key, or the widget would hold what is no longer offered.
    key = fields.key(f"{path}.name", " ".join(sorted(able)))
    index = names.index(value["name"]) if value["name"] in names else 0
    name = st.selectbox(
        label, names, index=index, key=key, format_func=lambda one: told(registry[one].title),
        help=_("What the catalogue offers for these data.") if able else _("What the catalogue offers."),
    )
    fields.slot(f"{path}.name")
    entry = registry[name]
    st.caption(told(entry.summary))
    values = value["params"] if name == value["name"] else {}
    params = fields.params(f"{path}.params", entry.params.model_json_schema(), values, entry=name)
    fields.slot(path)
    return {"name": name, "params": params}
