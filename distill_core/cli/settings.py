"""`--set path=value`: changes single fields of a spec's JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from distill_core.errors import Problem, SpecError


def with_settings(data: Any, settings: Iterable[str]) -> Any:
    """A copy of a spec's JSON with every `path=value` applied.

    A path is dotted, with list positions as numbers: `students.1.terms.0.weight=2`. A value is JSON, else a string.
    Raises SpecError with every setting that names nothing; values are left to the check of the spec.
    """
    result = deepcopy(data)
    problems: list[Problem] = []
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path.strip("."):
            problems.append(Problem("--set", setting, "path=value", "For example --set seeds=[0,1]."))
            continue
        try:
            _place(result, path.strip(), _value(text))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return result


def with_absolute_path(data: Any, *, folder: Path) -> Any:
    """A copy whose dataset's relative `path` and `test_path` start from `folder`: the worker stands somewhere else."""
    result = deepcopy(data)
    try:
        params = result["data"]["dataset"]["params"]
        for name in {"path", "test_path"} & params.keys():
            if params[name] and not params[name].startswith("~"):
                params[name] = str(folder / params[name])
    except (KeyError, TypeError, AttributeError):
        # No such field, or not of its type: the check of the spec says what is wrong.
        pass
    return result


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _place(data: Any, path: str, value: Any) -> None:
    parts = path.split(".")
    here = data
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        at = ".".join(parts[: number + 1])
        if isinstance(here, list):
            if not part.isdecimal() or int(part) >= len(here):
                allowed = f"a position from 0 to {len(here) - 1}" if here else "a whole list, for this one is empty"
                raise SpecError([Problem(at, part, allowed, f"Check --set {path}.")])
            if last:
                here[int(part)] = value
            else:
                here = here[int(part)]
        elif isinstance(here, dict):
            if last:
                here[part] = value
                continue
            if part not in here and (close := get_close_matches(part, here, n=2)):
                raise SpecError([Problem(at, part, "a field of the spec", f"Did you mean {' or '.join(close)}?")])
            # What the file leaves to its default, or sets to null, begins empty here.
            if here.get(part) is None:
                here[part] = {}
            here = here[part]
        else:
            raise SpecError([Problem(at, part, "a path into objects and lists", f"Check --set {path}.")])
