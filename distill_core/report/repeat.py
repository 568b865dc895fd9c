"""How to do an experiment again: its settings without where on this machine the data lie, and the command."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from distill_core.language import _
from distill_core.report.document import Repeat
from distill_core.spec import ExperimentSpec

_OWN_FOLDER, _PATHS = "PATH", ("path", "test_path")


def repeat_of(spec: ExperimentSpec) -> Repeat:
    """The spec without where on this machine the data lie, the command that runs it, and what else it needs."""
    told: dict[str, Any] = spec.to_json()
    command, needs_more = "python -m distill_core run spec.json", []
    params = told["data"]["dataset"].get("params", {})
    for number, name in enumerate(one for one in _PATHS if params.get(one)):
        params[name] = f"{_OWN_FOLDER}{number + 1}"
        command += f" --set data.dataset.params.{name}={params[name]}"
        needs_more.append(_("Put where your copy of the data lies in the place of {place}.").format(place=params[name]))
    if any([*(one.weights for one in spec.teachers), *(one.weights for one in spec.students)]):
        needs_more.append(_("It begins with weights of this installation, which are not in this file."))
    if spec.data.corrections:
        needs_more.append(_("It learns from corrected answers of this installation, which are not in this file."))
    needs_more.append(_("On another processor or with other versions the figures differ a little."))
    return Repeat(_visible(json.dumps(told, indent=1, ensure_ascii=False)) + "\n", command, tuple(needs_more))


def _visible(text: str) -> str:
    """JSON in which what cannot be seen, such as a turn of direction within a name, is written by its number."""
    return "".join(
        json.dumps(one)[1:-1] if one != "\n" and unicodedata.category(one).startswith("C") else one for one in text
    )
