"""JavaScript modules that are joined into one script."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from pages.ui.scripts import joined_script

LIVE = Path(__file__).parents[2] / "pages" / "ui" / "live"


def test_what_is_imported_stands_first_and_once(tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text(
        'import { b } from "./two.js";\nimport { c } from "./three.js";\nexport const a = b + c;\n'
    )
    (tmp_path / "two.js").write_text('import { c } from "./three.js";\nexport const b = c;\n')
    (tmp_path / "three.js").write_text("export const c = 1;\n")
    assert joined_script(tmp_path / "one.js").split("\n") == [
        "const c = 1;", "", "const b = c;", "", "const a = b + c;", ""
    ]


def test_a_module_of_a_folder_beside_it_is_joined_too(tmp_path: Path) -> None:
    files = {"one/a.js": 'import { b } from "../two/b.js";\na(b);\n', "two/b.js": "export const b = 1;\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    assert joined_script(tmp_path / "one" / "a.js") == "const b = 1;\n\na(b);\n"


def test_an_import_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text('import * as all from "./two.js";\n')
    with pytest.raises(ValueError, match="write import"):
        joined_script(tmp_path / "one.js")


def test_the_curves_give_each_name_once() -> None:
    script = joined_script(LIVE / "curves.js")
    names = Counter(re.findall(r"^(?:class|const|function) (\w+)", script, re.MULTILINE))
    assert names["Curves"] == names["Replay"] == names["thin"] == 1
    assert not [name for name, count in names.items() if count > 1]
    assert all(len(file.read_text(encoding="utf-8").splitlines()) < 300 for file in LIVE.glob("*.js"))
