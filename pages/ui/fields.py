"""Form fields from JSON schemas: one widget a field, explained in place, its error right below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from distill_core.charts.names import markdown_text
from distill_core.errors import Problem
from distill_core.language import _, marked, told

Schema = Mapping[str, Any]
NARROW_PX = 165
# Parameters whose name means something else on another page, by what the catalogues are asked for instead.
MEANT = {"Share": marked("Share of the samples")}
LONGEST_TEXT = 4096


class Fields:
    """Draws widgets by the dotted path of the spec field they edit.

    `generation` is part of every widget's key: a higher one makes all of them start from the values given. Bounds are
    told, not forced, so that a wrong value gets the same sentence here as on the command line.
    """

    def __init__(self, generation: int | str) -> None:
        self._generation = generation
        self._slots: dict[str, DeltaGenerator] = {}
        self._aliases: dict[str, str] = {}

    def key(self, path: str, variant: str = "") -> str:
        return f"field-{self._generation}-{path}-{variant}"

    def peek(self, path: str, value: Any, *, variant: str = "") -> Any:
        """What a field drawn further down says already, or the value it will begin with."""
        return st.session_state.get(self.key(path, variant), value)

    def slot(self, path: str) -> None:
        """Here the errors of a field, or of anything below it, will stand."""
        self._slots[path] = st.empty()

    def alias(self, path: str, drawn: str) -> None:
        """Problems of `path`, or of anything below it, are told where `drawn` is: one field may stand for several."""
        self._aliases[path] = drawn

    def _drawn(self, path: str) -> str:
        found = next((one for one in self._aliases if path == one or path.startswith(f"{one}.")), "")
        return f"{self._aliases[found]}{path[len(found):]}" if found else path

    def tell(self, problems: Iterable[Problem]) -> list[Problem]:
        """Put each problem below its field; returns those that no drawn field concerns."""
        homeless: list[Problem] = []
        told: dict[str, list[str]] = {}
        for problem in problems:
            field = self._drawn(problem.field)
            fitting = [path for path in self._slots if field == path or field.startswith(f"{path}.")]
            if fitting:
                told.setdefault(max(fitting, key=len), []).append(_beside(problem))
            else:
                homeless.append(problem)
        for path, sentences in told.items():
            lines = [f":red[:material/error: {sentence}]" for sentence in dict.fromkeys(sentences)]
            self._slots[path].markdown("  \n".join(lines))
        return homeless

    def draw(
        self, path: str, schema: Schema, value: Any, *, label: str = "", unset: str = "", variant: str = "",
        title_of: Mapping[Any, str] | None = None,
    ) -> Any:
        """The widget that fits the schema, showing `value`; None for an optional field that is not set."""
        name = label or _name_of(path, schema)
        inner, optional = _without_null(schema)
        parts = (told(schema.get("description") or inner.get("description") or ""), _bounds(inner))
        help_text = " ".join(part for part in parts if part) or None
        if not optional:
            drawn = self._widget(
                self.key(path, variant), inner, value, name=name, help_text=help_text, title_of=title_of or {},
            )
            self.slot(path)
            return drawn
        # As close as a label is to its field, so that optional fields stand in one line with the others.
        with st.container(gap="xxsmall"):
            drawn = None
            if st.checkbox(name, value=value is not None, key=self.key(f"{path}?", variant), help=help_text):
                start = _start_of(inner) if value is None else value
                drawn = self._widget(
                    self.key(path, variant), inner, start, name=_("{name}: value").format(name=name), help_text=None,
                    title_of=title_of or {}, hidden=True,
                )
            else:
                st.caption(unset or _("not set"))
            self.slot(path)
        return drawn

    def _widget(
        self, key: str, schema: Schema, value: Any, *, name: str, help_text: str | None, title_of: Mapping[Any, str],
        hidden: bool = False,
    ) -> Any:
        kind = schema.get("type")
        shown: Literal["visible", "collapsed"] = "collapsed" if hidden else "visible"
        options = [schema["const"]] if "const" in schema else schema.get("enum")
        if options:
            index = options.index(value) if value in options else 0
            return st.selectbox(
                name, options, index=index, key=key, help=help_text, label_visibility=shown,
                format_func=lambda option: told(title_of.get(option, str(option))),
            )
        if kind == "boolean":
            return st.toggle(name, value=bool(value), key=key, help=help_text)
        if kind == "integer":
            return st.number_input(name, value=int(value or 0), step=1, key=key, help=help_text, label_visibility=shown)
        if kind == "number":
            number = float(value or 0.0)
            return st.number_input(
                name, value=number, step=_step(number), format="%.6g", key=key, help=help_text, label_visibility=shown,
            )
        if kind == "array":
            text = st.text_input(
                name, value=", ".join(str(item) for item in value or ()), key=key,
                help=f"{help_text or ''} {_('Separate by commas.')}".strip(),
                label_visibility=shown, max_chars=LONGEST_TEXT,
            )
            return [_typed(part.strip(), schema.get("items", {})) for part in (text or "").split(",") if part.strip()]
        return st.text_input(
            name, value=str(value or ""), key=key, help=help_text, label_visibility=shown, max_chars=LONGEST_TEXT,
        )

    def params(self, path: str, schema: Schema, values: Mapping[str, Any], *, entry: str) -> dict[str, Any]:
        """All fields of an entry's Params, side by side as far as they fit."""
        properties: Mapping[str, Schema] = schema.get("properties", {})
        result: dict[str, Any] = {}
        if not properties:
            return result
        grid = st.grid("auto", min_column_width=NARROW_PX)
        for name, property_schema in properties.items():
            start = values.get(name, property_schema.get("default"))
            with grid.cell():
                # The entry is part of the key, or another entry's field of the same name would inherit its value.
                result[name] = self.draw(f"{path}.{name}", property_schema, start, variant=entry)
        return result


def _name_of(path: str, schema: Schema) -> str:
    """What a field without a label is called; the catalogues know parameters by the titles of their schemas."""
    name = path.rsplit(".", 1)[-1].replace("_", " ").capitalize()
    title = MEANT.get(name) or str(schema.get("title", name))
    shown = told(title)
    return told(name) if shown == title else shown


def _beside(problem: Problem) -> str:
    """Below its own field a problem needs neither the field's name nor its value."""
    allowed = _("Allowed: {allowed}.").format(allowed=told(problem.allowed))
    return markdown_text(f"{allowed} {told(problem.remedy)}".strip())


def _without_null(schema: Schema) -> tuple[Schema, bool]:
    options = schema.get("anyOf")
    if not options:
        return schema, False
    some = [option for option in options if option.get("type") != "null"]
    return some[0], len(some) < len(options)


def _start_of(schema: Schema) -> Any:
    """Where an optional field starts once it is switched on."""
    if "default" in schema:
        return schema["default"]
    return schema.get("minimum", 1 if schema.get("type") in ("integer", "number") else "")


def _bounds(schema: Schema) -> str:
    words = {
        "minimum": _("at least {bound}"), "exclusiveMinimum": _("above {bound}"), "maximum": _("at most {bound}"),
        "exclusiveMaximum": _("below {bound}"),
    }
    found = [text.format(bound=f"{schema[name]:,}") for name, text in words.items() if name in schema]
    return _("Allowed: {allowed}.").format(allowed=_(" and ").join(found)) if found else ""


def _step(number: float) -> float:
    """A step that suits the size: 1 for tens, 0.1 for ones, 0.001 for learning rates."""
    size = abs(number)
    if size >= 10:
        return 1.0
    return 0.1 if size >= 0.5 else 0.01 if size >= 0.05 else 0.001


def _typed(text: str, schema: Schema) -> Any:
    """A list's item as its type if it can be read so; else the text, which the check then names."""
    try:
        if schema.get("type") == "integer":
            return int(text)
        if schema.get("type") == "number":
            return float(text)
    except ValueError:
        return text
    return text
