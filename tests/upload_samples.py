"""Files brought as a browser would bring them, and a drop zone for pages under AppTest that tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.services import Lab
from distill_core.uploads import Kind, Upload
from pages.ui.bringing import drop_zone
from pages.ui.session import lab


def brought(found: Lab, name: str, pieces: Iterable[bytes], *, kind: Kind = "data") -> Upload:
    """A file that has come."""
    uploads = found.uploads
    with uploads.receiving(uploads.pass_for(kind), file_name=name, expected_bytes=None) as receiver:
        for piece in pieces:
            receiver.write(piece)
        return receiver.finish()


class FakeZone:
    """Stands in for the browser's part: tells of a file once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[dict[str, Any]] = []
        self._came: str | None = None
        monkeypatch.setattr(drop_zone, "_mount", self._mounted)

    def bring(self, app: AppTest, name: str, content: bytes, *, kind: Kind = "data") -> AppTest:
        self._came = brought(lab(), name, [content], kind=kind).upload_id
        return app.run()

    def _mounted(self, **told: Any) -> dict[str, str | None]:
        self.shown.append(told["data"])
        came, self._came = self._came, None
        return {"came": came}
