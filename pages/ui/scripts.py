"""Joins the JavaScript modules of a component into the one script that Streamlit takes."""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z_]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=class |const |function |async function )", re.MULTILINE)


def joined_script(entry: Path) -> str:
    """`entry` behind all modules that it imports from its own folder, each once, as one module without imports.

    The files stay modules that an editor and a test can import as they are. Joined they share one scope, so that a
    name is given only once; raises ValueError for an import that is not of the form `import { a } from "./b.js";`.
    """
    texts: dict[str, str] = {}

    def add(file: Path) -> None:
        text = file.read_text(encoding="utf-8")
        texts[file.name] = ""  # Also ends a circle: functions find each other once all is loaded.
        for name in _IMPORT.findall(text):
            if name not in texts:
                add(file.parent / name)
        del texts[file.name]
        texts[file.name] = _EXPORT.sub("", _IMPORT.sub("", text))

    add(entry)
    whole = "\n".join(texts.values())
    if strange := re.search(r"^import .*$", whole, re.MULTILINE):
        raise ValueError(f'{entry.name} says {strange[0]!r}; write import {{ name }} from "./file.js";.')
    return whole
