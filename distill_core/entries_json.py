"""An entry as a process without torch knows it: rebuilt from the JSON schema of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import Field, create_model

from distill_core.entries import Entry, Params


def entry_from_json(item: Mapping[str, Any]) -> Entry:
    """An entry whose parameters are rebuilt from their schema, so that both sides refuse alike."""
    schema = item["schema"]
    required = set(schema.get("required", ()))
    fields: dict[str, Any] = {}
    for name, prop in schema.get("properties", {}).items():
        default = ... if name in required else prop.get("default")
        if isinstance(default, list):
            # JSON knows no tuples, which all lists of Params are.
            default = tuple(default)
        fields[name] = (
            _python_type(prop),
            Field(
                default,
                title=prop.get("title"),
                description=prop.get("description"),
                **_bounds(prop),
            ),
        )
    params = create_model(schema.get("title", "Params"), __base__=Params, __doc__=schema.get("description"), **fields)
    return Entry(
        name=item["name"],
        title=item["title"],
        summary=item["summary"],
        source=item["source"],
        params=params,
        traits=frozenset(item["traits"]),
        usual_weight=item["usual_weight"],
        label=item["label"],
        strength=item["strength"],
    )


_BOUND_NAMES = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "pattern": "pattern",
}
_TYPES: dict[str, Any] = {"integer": int, "number": float, "boolean": bool, "string": str, "null": type(None)}


def _bounds(prop: Mapping[str, Any]) -> dict[str, Any]:
    return {ours: prop[theirs] for theirs, ours in _BOUND_NAMES.items() if theirs in prop}


def _bounded(prop: Mapping[str, Any]) -> Any:
    """One of several types that a parameter may have, with the bounds of its own."""
    bounds = _bounds(prop)
    return Annotated[_python_type(prop), Field(**bounds)] if bounds else _python_type(prop)


def _python_type(prop: Mapping[str, Any]) -> Any:
    """The Python type of a flat JSON-schema property; nested objects are not offered in Params."""
    if "anyOf" in prop:
        return Union[tuple(_bounded(option) for option in prop["anyOf"])]  # noqa: UP007 - made at run time
    if "const" in prop:
        return Literal[prop["const"]]
    if "enum" in prop:
        return Literal[tuple(prop["enum"])]
    if prop.get("type") == "array":
        item: Any = _python_type(prop["items"])
        return tuple[item, ...]
    return _TYPES[prop["type"]]
