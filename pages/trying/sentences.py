"""What the answers of several networks to one sample come to, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from distill_core.charts.names import plain_name
from distill_core.language import _, counted

MOST_NAMED = 3


def listed(names: Sequence[str]) -> str:
    """“a, b and c”; beyond a few only how many."""
    if len(names) > MOST_NAMED:
        return counted("{number} model", "{number} models", len(names))
    return names[0] if len(names) == 1 else _(" and ").join([", ".join(names[:-1]), names[-1]])


def class_sentence(chosen: Mapping[str, int], class_names: Sequence[str], *, truth: int | None) -> str:
    """Who says which class; `chosen` gives the class of each network by its name."""
    groups: dict[int, list[str]] = {}
    for name, place in chosen.items():
        groups.setdefault(place, []).append(name)
    if len(chosen) > 1 and len(groups) == 1:
        place = next(iter(groups))
        text = _("All {number} say {answer}.")
        if truth is not None:
            right = place == truth
            text = _("All {number} say {answer}, which is right.") if right else _(
                "All {number} say {answer}, which is wrong."
            )
        return text.format(number=len(chosen), answer=plain_name(class_names[place]))
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    parts = []
    for place, names in ordered:
        if place == truth:
            text = _("{names} says {answer}, which is right") if len(names) == 1 else _(
                "{names} say {answer}, which is right"
            )
        else:
            text = _("{names} says {answer}") if len(names) == 1 else _("{names} say {answer}")
        parts.append(text.format(names=listed(names), answer=plain_name(class_names[place])))
    sentence = "; ".join(parts)
    whole = _("{sentence}.").format(sentence=f"{sentence[:1].upper()}{sentence[1:]}")
    if truth is None or truth in groups:
        return whole
    return f"{whole} " + _("None is right: it is {answer}.").format(answer=plain_name(class_names[truth]))


def value_sentence(
    values: Mapping[str, NDArray[np.floating]], value_names: Sequence[str], *, truth: NDArray[np.generic] | None
) -> str:
    """How far apart values [D] lie, of the value on which they differ most; and who is nearest to the truth."""
    names, table = list(values), np.array(list(values.values()), dtype=np.float64)
    if not np.isfinite(table).all():
        return _("Not every answer is a number.")
    spread = np.ptp(table, axis=0)
    widest = int((spread / np.maximum(np.abs(table).mean(axis=0), 1e-12)).argmax())
    least, most = table[:, widest].min(), table[:, widest].max()
    sentence = ""
    if len(names) > 1:
        text = _("The answers of {value} lie between {least:.4g} and {most:.4g}.") if table.shape[1] > 1 else _(
            "The answers lie between {least:.4g} and {most:.4g}."
        )
        sentence = text.format(value=plain_name(value_names[widest]), least=least, most=most)
    if truth is None or not np.isfinite(np.asarray(truth, dtype=np.float64)).all() or len(names) < 2:
        return sentence
    scale = np.maximum(spread, 1e-12)
    nearest = names[int((np.abs(table - np.asarray(truth, dtype=np.float64)) / scale).mean(axis=1).argmin())]
    return f"{sentence} " + _("Nearest to the truth: {name}.").format(name=nearest)


def step_sentence(labels: Mapping[str, NDArray[np.integer]], counted: NDArray[np.bool_]) -> str:
    """At how many of the counted steps [L] all networks give the same label."""
    table, total = np.array(list(labels.values())), int(counted.sum())
    if len(table) < 2:
        return ""
    same = int(((table == table[0]).all(axis=0) & counted).sum())
    if same == total:
        text = _("All {number} give the same labels at all {total} steps.")
    else:
        text = _("All {number} give the same label at {same} of {total} steps.")
    return text.format(number=len(table), same=same, total=total)
