"""Composes the bundle's measure.py of the very modules with which the lab measures; loads no torch."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_PARTS = (
    _HERE / "timing.py", _HERE.parent / "processor.py", _HERE / "measuring.py", _HERE / "measure_alone.py",
)
_OURS = "distill_core"
_INSTALLED = {"numpy as np", "onnxruntime"}


@cache
def measure_script() -> str:
    """The text of measure.py, which needs only onnxruntime and numpy: the parts' code under one set of imports."""
    imports: dict[str, set[str]] = {}
    plain: set[str] = set()
    bodies: list[str] = []
    docstring = ""
    for part in _PARTS:
        text = part.read_text(encoding="utf-8")
        tree, lines = ast.parse(text), text.splitlines()
        docstring = ast.get_source_segment(text, tree.body[0]) or ""
        end = 0
        for node in tree.body[1:]:
            if isinstance(node, ast.Import):
                plain.update(_written(name) for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                if node.module and node.module.partition(".")[0] != _OURS:
                    imports.setdefault(node.module, set()).update(_written(name) for name in node.names)
            else:
                break
            end = node.end_lineno or end
        bodies.append("\n".join(lines[end:]).strip("\n"))
    future = imports.pop("__future__")
    standard = sorted(plain - _INSTALLED)
    head = [
        docstring, "", f"from __future__ import {', '.join(sorted(future))}", "",
        *(f"import {name}" for name in standard),
        *(f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(imports.items())), "",
        *(f"import {name}" for name in sorted(plain & _INSTALLED)),
    ]
    return "\n".join(head) + "\n\n" + "\n\n\n".join(bodies) + "\n"


def _written(name: ast.alias) -> str:
    return f"{name.name} as {name.asname}" if name.asname else name.name
