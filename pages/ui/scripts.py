"""Joins the JavaScript modules of a component into the one script that Streamlit takes."""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{[^}]*\} from "((?:\.|\.\./[a-z_]+)/[a-z_]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=class |const |function |async function )", re.MULTILINE)


def joined_script(entry: Path) -> str:
    """`entry` behind all modules that it imports from its own folder or one beside it, each once, as one module
    without imports.

    The files stay modules that an editor and a test can import as they are. Joined they share one scope, so that a
    name is given only once; raises ValueError for an import that is not of the form `import { a } from "./b.js";` or
    `"../c/b.js";`.
    """
    texts: dict[Path, str] = {}

    def add(file: Path) -> None:
        text = file.read_text(encoding="utf-8")
        texts[file] = ""  # Also ends a circle: functions find each other once all is loaded.
        for place in _IMPORT.findall(text):
            if (found := (file.parent / place).resolve()) not in texts:
                add(found)
        del texts[file]
        texts[file] = _EXPORT.sub("", _IMPORT.sub("", text))

    add(entry.resolve())
    whole = "\n".join(texts.values())
    if strange := re.search(r"^import .*$", whole, re.MULTILINE):
        raise ValueError(f'{entry.name} says {strange[0]!r}; write import {{ name }} from "./file.js";.')
    return whole
