"""Fetches public data beside the questions that need them, so that a slow line never makes an answer late."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from distill_core.catalog import Catalogue
from distill_core.errors import DataError, LabError
from distill_core.folders import Home
from distill_core.spec import Choice

# Who pressed a button waits longer than who only fills in the form.
A_WHILE, A_MOMENT = 20.0, 3.0


@dataclass
class _Download:
    thread: threading.Thread | None = None
    said: str = "connecting"
    error: BaseException | None = None


class Fetching:
    """Remembers which data are under way; one download for all who ask."""

    def __init__(self, home: Home, catalogue: Catalogue) -> None:
        self._home, self._catalogue = home, catalogue
        self._downloads: dict[str, _Download] = {}

    def still(self, dataset: Choice, *, seconds: float = A_WHILE) -> str:
        """How far the download is that these data still need, in a sentence; empty once they are here.

        Waits so many seconds for it first. Raises what loading raises, such as DataError without a network; the next to
        ask then begins anew.
        """
        try:
            entry, params = self._catalogue.datasets.resolve(dataset)
        # What is wrong with it the deep check says, together with all else and with its place in the spec.
        except LabError:
            return ""
        if "download" not in entry.traits:
            return ""
        download = self._downloads.setdefault(entry.fingerprint(params), _Download())
        if download.thread is None:

            def load() -> None:
                try:
                    self._home.cache.mkdir(parents=True, exist_ok=True)
                    entry.load(params, self._home.cache, lambda line: setattr(download, "said", line))
                # Told to whoever asks next.
                except BaseException as error:
                    download.error = error

            download.thread = threading.Thread(target=load, name=f"fetch {entry.name}", daemon=True)
            download.thread.start()
        download.thread.join(seconds)
        if download.error is not None:
            error, download.error, download.thread = download.error, None, None
            raise error
        if not download.thread.is_alive():
            return ""
        return (
            f"{entry.title} is still being fetched ({download.said}). Ask again in a moment; an experiment can be "
            "started meanwhile, and waits for its data."
        )

    def wait_for(self, dataset: Choice, *, seconds: float = A_WHILE) -> None:
        """Raise DataError, which says how far it is, if these data are still being fetched."""
        if sentence := self.still(dataset, seconds=seconds):
            raise DataError(sentence)
