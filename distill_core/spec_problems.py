"""Turns pydantic's errors about a spec into the lab's own sentences."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ValidationError

from distill_core.errors import Listing, Problem
from distill_core.language import marked, sayable

_BOUNDS = {
    "ge": marked("at least {limit}"), "gt": marked("above {limit}"), "le": marked("at most {limit}"),
    "lt": marked("below {limit}"),
}
_TAGS = {"affine", "crop-flip", "adamw", "sgd", "float", "int"}
_ALLOWED = {
    "int_type": marked("an integer"),
    "int_parsing": marked("an integer"),
    "int_from_float": marked("an integer"),
    "float_type": marked("a number"),
    "float_parsing": marked("a number"),
    "bool_type": marked("true or false"),
    "bool_parsing": marked("true or false"),
    "string_type": marked("a text"),
    "string_too_short": marked("a text that is not empty"),
    "tuple_type": marked("a list"),
    "list_type": marked("a list"),
    "dict_type": marked("a JSON object"),
    "model_type": marked("a JSON object"),
    "model_attributes_type": marked("a JSON object"),
    "union_tag_not_found": marked("an object with a kind"),
}


def problems_of(error: ValidationError, prefix: str = "") -> list[Problem]:
    """Turn pydantic's errors into our sentences: field, value, allowed, remedy."""
    items = error.errors(include_url=False)
    paths = [tuple(item["loc"]) for item in items]
    problems = []
    for item, path in zip(items, paths, strict=True):
        if item["type"] == "too_short" and any(
            len(other) > len(path) and other[: len(path)] == path for other in paths
        ):
            # A list whose only items are wrong counts as empty; the items' own problems say more.
            continue
        # Unions put the chosen tag or type into the path; users never wrote it.
        parts = [prefix, *(str(part) for part in path if part not in _TAGS)]
        problems.append(_problem(".".join(part for part in parts if part) or "spec", item))
    return problems


def _problem(field: str, item: Any) -> Problem:
    kind, value, context = item["type"], item.get("input"), item.get("ctx", {})
    bounds = [text.format(limit=f"{context[key]:g}") for key, text in _BOUNDS.items() if key in context]
    if kind == "missing":
        return Problem(field, None, "a value", "It is required.")
    if kind == "extra_forbidden":
        return Problem(field, value, "only known fields", "Remove it or check its spelling.")
    if kind == "finite_number" or (isinstance(value, float) and not math.isfinite(value)):
        return Problem(field, value, "a finite number", "Replace it by a number.")
    if bounds:
        low, *high = bounds
        return Problem(field, value, sayable(f"a value {low} and {high[0]}") if high else sayable(f"a value {low}"))
    if kind == "value_error":
        allowed, _, remedy = str(context["error"]).partition("; ")
        return Problem(field, _shown(value), allowed, remedy[:1].upper() + remedy[1:] + "." if remedy else "")
    if kind == "literal_error":
        return Problem(field, value, str(context["expected"]))
    if kind == "union_tag_invalid":
        return Problem(field, context["tag"], context["expected_tags"])
    if kind == "string_pattern_mismatch" and field == "device":
        return Problem(field, value, "auto, cpu, cuda or cuda:N")
    if kind == "string_pattern_mismatch":
        return Problem(field, value, "an id of 16 hexadecimal digits, or nothing")
    if kind == "string_too_long":
        return Problem(field, value, sayable(f"at most {context['max_length']} characters"), "Shorten it.")
    if kind in ("too_short", "too_long"):
        limit = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return Problem(field, _shown(value), limit)
    return Problem(field, value, _ALLOWED.get(kind, item["msg"].removeprefix("Input should be ")))


def _shown(value: Any) -> Any:
    """Several values as a reader would write them."""
    if not isinstance(value, (list, tuple)):
        return value
    plain = [item.model_dump() if isinstance(item, BaseModel) else item for item in value]
    names = [item.get("name", item.get("weight")) if isinstance(item, dict) else item for item in plain]
    return Listing(", ".join(str(name) for name in names) or marked("empty"))
