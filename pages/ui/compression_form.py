"""The part of the form that describes compression: chains of steps for chosen variants, some at several strengths."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from distill_core.catalog import Catalogue
from distill_core.chains import ChainDraft, fold, ready_steps, step_label, unfold
from distill_core.charts.names import markdown_text, plain_name
from distill_core.language import _, marked, told
from distill_core.plan import with_baselines
from distill_core.spec import Compression, ExperimentSpec
from pages.ui.choosing import schema_of
from pages.ui.fields import Fields

Json = dict[str, Any]
PATH, PENDING, CHANGED = "compression", "compression-pending", "compression-changed"
START, READ = "compression-start", "compression-read"
SEEDS = {"all": marked("All seeds"), "first": marked("First seed only")}
HELP = marked(
    "Each step makes a run of its own out of the one before, with its own ONNX file and figures. Nothing of the "
    "training changes, and what two chains have in common is made once."
)


@dataclass(frozen=True)
class Compressible:
    """A variant that a chain may begin with: a name that stays while it is renamed, and what it is called then and
    now."""

    key: str
    before: str
    now: str


def compression_section(
    fields: Fields, catalogue: Catalogue, compression: Json, variants: Sequence[Compressible], *,
    able: Collection[str], first: str,
) -> Json:
    """The chains of a spec, and whether sensitivity is measured; `first`: the variant that a new chain begins with.

    After it, `changed` tells whether steps or chains were added, moved or dropped, so that the form must begin anew.
    """
    drafts = _start(compression["chains"], catalogue)
    if not drafts:
        st.caption(_("Nothing is compressed yet. The staircase prunes, fine-tunes with the teacher and quantizes."))
    read = [
        _chain(fields, catalogue, draft, number, variants, able=able) for number, draft in enumerate(drafts)
    ]
    with st.container(horizontal=True):
        if not drafts:
            st.button(
                _("Staircase: prune, fine-tune, quantize"), key=fields.key(f"{PATH}.stairs"), icon=":material/stairs:",
                type="primary", on_click=_pend, args=("stairs", len(drafts)), help=_stairs_help(catalogue, able),
            )
        st.button(
            _("Add a chain"), key=fields.key(f"{PATH}.chain"), icon=":material/add:", type="tertiary", on_click=_pend,
            args=("chain", len(drafts)), help=_("Steps one after the other, for the variants you choose."),
        )
    sensitivity = bool(compression["sensitivity"])
    if drafts:
        sensitivity = fields.draw(
            f"{PATH}.sensitivity", schema_of(Compression, "sensitivity"), sensitivity,
            label=_("Measure how much each layer minds"),
        )
    fields.slot(PATH)
    if PENDING in st.session_state:
        read = _applied(read, catalogue, able=able, first=first)
        st.session_state[CHANGED] = True
    chains, origins = unfold(read, catalogue)
    for place, number in enumerate(origins):
        fields.alias(f"{PATH}.chains.{place}", _path(number))
    st.session_state[READ] = (read, chains)
    return {"chains": chains, "sensitivity": sensitivity if read else False}


def changed() -> bool:
    """Whether the list of chains or steps is another than was drawn; told once."""
    return bool(st.session_state.pop(CHANGED, False))


def _start(chains: list[Json], catalogue: Catalogue) -> list[ChainDraft]:
    """What the widgets begin with: as it was read before the form began anew, or folded from the chains."""
    for memory in (START, READ):
        held = st.session_state.get(memory)
        if held is not None and held[1] == chains:
            st.session_state[START] = held
            return list(held[0])
    st.session_state[START] = (fold(chains, catalogue), chains)
    return list(st.session_state[START][0])


def _path(number: int) -> str:
    return f"{PATH}.drafts.{number}"


def _pend(action: str, number: int, place: int = 0, name: str = "") -> None:
    """Remember a change of the list; it is made once this run has read all fields. `name`: of a step to add."""
    st.session_state[PENDING] = (action, number, place, name)


def _applied(
    drafts: Sequence[ChainDraft], catalogue: Catalogue, *, able: Collection[str], first: str
) -> list[ChainDraft]:
    action, number, place, name = st.session_state.pop(PENDING)
    result = list(drafts)
    if action in ("chain", "stairs") and number >= len(result):
        result.append(ChainDraft(of=(first,), steps=()))
    if action == "stairs":
        result[number] = replace(result[number], steps=ready_steps(catalogue, able), strengths={})
    elif action == "remove":
        del result[number]
    if action in ("chain", "stairs", "remove"):
        return result
    steps, strengths = list(result[number].steps), dict(result[number].strengths)
    order = list(range(len(steps)))
    if action == "drop":
        order.remove(place)
    elif action in ("up", "down"):
        other = place - 1 if action == "up" else place + 1
        order[place], order[other] = order[other], order[place]
    else:
        order.append(len(steps))
        steps.append({"name": name, "params": catalogue.compression[name].resolve({}).model_dump(mode="json")})
    result[number] = replace(
        result[number], steps=tuple(steps[old] for old in order),
        strengths={new: strengths[old] for new, old in enumerate(order) if old in strengths},
    )
    return result


def _chain(
    fields: Fields, catalogue: Catalogue, draft: ChainDraft, number: int, variants: Sequence[Compressible], *,
    able: Collection[str],
) -> ChainDraft:
    """One chain: of what, its steps in order, and what can be done to them."""
    path = _path(number)
    with st.container(border=True, key=fields.key(path)):
        of = _variants(fields, path, draft.of, variants)
        steps: list[Json] = []
        strengths: dict[int, tuple[Any, ...]] = {}
        for place in range(len(draft.steps)):
            made, values = _step(fields, catalogue, draft, number, place)
            steps.append(made)
            if values is not None:
                strengths[place] = values
        fields.slot(f"{path}.steps")
        if not steps:
            st.caption(_("No step yet."))
        with st.container(horizontal=True, vertical_alignment="center"):
            names = [entry.name for entry in catalogue.compression if entry.traits.issuperset(able)]
            added = st.menu_button(
                _("Add a step"), names, key=fields.key(f"{path}.add"), icon=":material/add:",
                format_func=lambda name: told(catalogue.compression[name].title),
                help=_("At the end of this chain; it can be moved."),
            )
            if added:
                _pend("add", number, name=str(added))
            if not steps:
                st.button(
                    _("Staircase"), key=fields.key(f"{path}.stairs"), icon=":material/stairs:", on_click=_pend,
                    args=("stairs", number), help=_stairs_help(catalogue, able),
                )
            st.button(
                _("Remove this chain"), key=fields.key(f"{path}.remove"), icon=":material/delete:", type="tertiary",
                on_click=_pend, args=("remove", number), help=_("Takes it out of the form."),
            )
        seeds = st.segmented_control(
            _("Of each variant"), list(SEEDS), default=draft.seeds, required=True, key=fields.key(f"{path}.seeds"),
            format_func=lambda one: _(SEEDS[one]),
            help=_("All seeds tell how sure a loss is; the first alone is quicker."),
        )
        fields.slot(path)
    return ChainDraft(of=of, steps=tuple(steps), seeds=str(seeds), strengths=strengths)


def _variants(
    fields: Fields, path: str, of: Sequence[str], variants: Sequence[Compressible]
) -> tuple[str, ...]:
    """Which variants are compressed; one that is renamed above stays chosen."""
    known = {one.key: one.now for one in variants}
    gone = [name for name in of if name not in {one.before for one in variants} | set(known.values())]
    known |= {f"gone:{name}": name for name in gone}
    # Other names are another widget; it begins with what this one said.
    key = fields.key(f"{path}.of", "|".join(known.values()))
    memory = fields.key(f"{path}.of-chosen")
    default = st.session_state.get(memory) or [
        one for one, name in known.items() if name in of
    ] or [one.key for one in variants if one.before in of]
    chosen = st.multiselect(
        _("Compress"), list(known), default=[one for one in default if one in known], key=key,
        format_func=lambda one: plain_name(known[one], 60), placeholder=_("Choose one variant or several"),
        help=_("Each is compressed by the same steps."),
    )
    st.session_state[memory] = chosen
    fields.slot(f"{path}.of")
    if lost := [known[one] for one in chosen if one.startswith("gone:")]:
        st.warning(
            markdown_text(_(
                "There is no “{name}” in this experiment any more; choose another variant."
            ).format(name=plain_name(lost[0]))),
            icon=":material/person_off:",
        )
    return tuple(known[one] for one in chosen)


def _step(
    fields: Fields, catalogue: Catalogue, draft: ChainDraft, number: int, place: int
) -> tuple[Json, tuple[Any, ...] | None]:
    """One step with its parameters, and its strengths if it is tried at several."""
    step, path = draft.steps[place], f"{_path(number)}.steps.{place}"
    entry, last = catalogue.compression[step["name"]], len(draft.steps) - 1
    title = f"{place + 1} · **{markdown_text(told(entry.title))}**{_headline(fields, catalogue, draft, place, path)}"
    with st.expander(title, key=fields.key(f"{path}.fold"), expanded=False):
        st.caption(told(entry.summary))
        schema: Json = _copied(entry.params.model_json_schema())
        values, variant = dict(step["params"]), entry.name
        held = draft.strengths.get(place)
        several = bool(entry.strength) and st.toggle(
            _("Try several strengths"), value=held is not None, key=fields.key(f"{path}.several", entry.name),
            help=_("One chain for each: the steps after it are made for each of them, too."),
        )
        if several:
            single = schema["properties"][entry.strength]
            schema["properties"][entry.strength] = {
                "type": "array", "items": {"type": single.get("type", "number")},
                "description": single.get("description", ""),
            }
            values[entry.strength] = held or (values[entry.strength],)
            variant = f"{entry.name} several"
        params = fields.params(f"{path}.params", schema, values, entry=variant)
        strengths = tuple(params[entry.strength]) if several else None
        if strengths is not None:
            params[entry.strength] = strengths[0] if strengths else None
        with st.container(horizontal=True):
            _move(fields, path, _("Earlier"), "up", number, place, disabled=place == 0)
            _move(fields, path, _("Later"), "down", number, place, disabled=place == last)
            st.button(
                _("Drop"), key=fields.key(f"{path}.drop"), icon=":material/delete:", type="tertiary", on_click=_pend,
                args=("drop", number, place), help=_("Takes this step out of the chain."),
            )
    made = {"name": step["name"], "params": params}
    fields.slot(path)
    return made, strengths


def _headline(fields: Fields, catalogue: Catalogue, draft: ChainDraft, place: int, path: str) -> str:
    """What the step makes, as its fields say now."""
    step, entry = draft.steps[place], catalogue.compression[draft.steps[place]["name"]]
    held = draft.strengths.get(place)
    if entry.strength and fields.peek(f"{path}.several", held is not None, variant=entry.name):
        values = held or (step["params"][entry.strength],)
        text = fields.peek(
            f"{path}.params.{entry.strength}", ", ".join(str(value) for value in values),
            variant=f"{entry.name} several",
        )
        said = f"{entry.strength.replace('_', ' ')} {text}"
    else:
        params = {
            name: fields.peek(f"{path}.params.{name}", value, variant=entry.name)
            for name, value in step["params"].items()
        }
        said = step_label({"name": entry.name, "params": params}, catalogue)
    return "" if said == entry.title else f" · :gray[{markdown_text(plain_name(told(said), 60))}]"


def _copied(schema: Json) -> Json:
    """A schema whose properties can be replaced without changing the entry's."""
    return schema | {"properties": dict(schema.get("properties", {}))}


def _move(
    fields: Fields, path: str, label: str, action: str, number: int, place: int, *, disabled: bool
) -> None:
    st.button(
        label, key=fields.key(f"{path}.{action}"), icon=f":material/arrow_{action}ward:", type="tertiary",
        on_click=_pend, args=(action, number, place), disabled=disabled,
        help=_("Moves this step one place earlier.") if action == "up" else _("Moves this step one place later."),
    )


def _stairs_help(catalogue: Catalogue, able: Collection[str]) -> str:
    steps = ", ".join(told(step_label(step, catalogue)) for step in ready_steps(catalogue, able))
    return _("Fills in: {steps}.").format(steps=steps)


def added_baselines(spec: ExperimentSpec, catalogue: Catalogue) -> list[Compressible]:
    """The students trained alone that an experiment adds by itself; they can be compressed as well."""
    own = {student.name for student in spec.students}
    added = [student.name for student in with_baselines(spec, catalogue) if student.name not in own]
    return [Compressible(f"added:{name}", name, name) for name in added]
