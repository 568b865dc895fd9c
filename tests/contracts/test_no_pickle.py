"""No pickle is ever loaded: no module that could, and every reader that might is told not to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([ROOT / "app.py", *(ROOT / "distill_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")])
# They unpickle, or run what a file says.
FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "read_pickle", "jit.load", "package_importer", "load_module", "extractall",
    "unpack_archive", "from_pretrained",
}
# A reader by the end of its name, and what it must be told.
MUST_SAY = {
    "torch.load": ("weights_only", True), "np.load": ("allow_pickle", False),
    "format.read_array": ("allow_pickle", False),
}


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"imports {name}" for name in names if name.split(".")[0] in FORBIDDEN_MODULES)
        if not isinstance(node, ast.Call):
            continue
        name, given = dotted(node.func), {word.arg: word.value for word in node.keywords}
        # Without a dot before it eval is Python's own; a network's eval() is not.
        if any(name == one or (("." in one or one not in ("eval", "compile", "exec")) and name.endswith(f".{one}"))
               for one in FORBIDDEN_CALLS):
            yield f"calls {name}"
        for reader, (word, wanted) in MUST_SAY.items():
            said = given.get(word)
            if (name == reader or name.endswith(f".{reader}")) and not (
                isinstance(said, ast.Constant) and said.value is wanted
            ):
                yield f"calls {name} without {word}={wanted}"
        if any(isinstance(value, ast.Constant) and value.value is True for value in [given.get("allow_pickle")]):
            yield f"calls {name} with allow_pickle=True"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_can_load_a_pickle(path: Path) -> None:
    assert list(faults(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("source", [
    "import pickle", "from joblib import load", "import torch\ntorch.load('x')", "torch.load('x', weights_only=False)",
    "np.load('x')", "np.load('x', allow_pickle=True)", "eval('1')", "pd.read_pickle('x')", "torch.jit.load('x')",
    "archive.extractall('.')", "np.lib.format.read_array(file)", "np.savez('x', allow_pickle=True)",
])
def test_the_walk_finds_what_it_looks_for(source: str) -> None:
    assert list(faults(source))
