"""What the answers of several networks to one sample come to, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from distill_core.charts.names import plain_name

MOST_NAMED = 3


def listed(names: Sequence[str]) -> str:
    """“a, b and c”; beyond a few only how many."""
    if len(names) > MOST_NAMED:
        return f"{len(names)} models"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def class_sentence(chosen: Mapping[str, int], class_names: Sequence[str], *, truth: int | None) -> str:
    """Who says which class; `chosen` gives the class of each network by its name."""
    groups: dict[int, list[str]] = {}
    for name, place in chosen.items():
        groups.setdefault(place, []).append(name)
    if len(chosen) > 1 and len(groups) == 1:
        place = next(iter(groups))
        return f"All {len(chosen)} say {plain_name(class_names[place])}{_judged([place], truth)}."
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    parts = [
        f"{listed(names)} {'says' if len(names) == 1 else 'say'} {plain_name(class_names[place])}"
        f"{', which is right' if place == truth else ''}"
        for place, names in ordered
    ]
    missed = truth is not None and truth not in groups
    end = f" None is right: it is {plain_name(class_names[truth])}." if missed and truth is not None else ""
    sentence = "; ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]}.{end}"


def _judged(places: Sequence[int], truth: int | None) -> str:
    if truth is None:
        return ""
    return ", which is right" if places[0] == truth else ", which is wrong"


def value_sentence(
    values: Mapping[str, NDArray[np.floating]], value_names: Sequence[str], *, truth: NDArray[np.generic] | None
) -> str:
    """How far apart values [D] lie, of the value on which they differ most; and who is nearest to the truth."""
    names, table = list(values), np.array(list(values.values()), dtype=np.float64)
    if not np.isfinite(table).all():
        return "Not every answer is a number."
    spread = np.ptp(table, axis=0)
    widest = int((spread / np.maximum(np.abs(table).mean(axis=0), 1e-12)).argmax())
    least, most = table[:, widest].min(), table[:, widest].max()
    of_which = f" of {plain_name(value_names[widest])}" if table.shape[1] > 1 else ""
    told = f"The answers{of_which} lie between {least:.4g} and {most:.4g}." if len(names) > 1 else ""
    if truth is None or not np.isfinite(np.asarray(truth, dtype=np.float64)).all() or len(names) < 2:
        return told
    scale = np.maximum(spread, 1e-12)
    nearest = names[int((np.abs(table - np.asarray(truth, dtype=np.float64)) / scale).mean(axis=1).argmin())]
    return f"{told} Nearest to the truth: {nearest}."


def step_sentence(labels: Mapping[str, NDArray[np.integer]], counted: NDArray[np.bool_]) -> str:
    """At how many of the counted steps [L] all networks give the same label."""
    table, total = np.array(list(labels.values())), int(counted.sum())
    if len(table) < 2:
        return ""
    same = int(((table == table[0]).all(axis=0) & counted).sum())
    if same == total:
        return f"All {len(table)} give the same labels at all {total} steps."
    return f"All {len(table)} give the same label at {same} of {total} steps."
