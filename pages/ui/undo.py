"""Removing with a way back: what was removed last is remembered until the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from distill_core.charts.names import markdown_name
from distill_core.language import _, marked
from pages.ui.session import lab


@dataclass(frozen=True)
class UndoBar:
    """One kind of thing that can be removed; `word` is what is said of it, `key` is part of its widgets' names."""

    key: str
    word: str
    take: Callable[[str], None]
    give_back: Callable[[str], None]

    @property
    def _memory(self) -> str:
        return f"{self.key}-remembered"

    def remove(self, identity: str, name: str) -> None:
        """Take it off the list and remember it for the bar. Raises what taking raises."""
        self.take(identity)
        st.session_state[self._memory] = (identity, name)

    def forget(self) -> None:
        st.session_state.pop(self._memory, None)

    def waiting(self) -> str | None:
        """What may be brought back."""
        removed = st.session_state.get(self._memory)
        return None if removed is None else str(removed[0])

    def show(self) -> None:
        """The bar that offers to bring back what was removed last."""
        removed = st.session_state.get(self._memory)
        if removed is None:
            return
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(_(
                ":material/delete: {name} was {word}."
            ).format(name=markdown_name(removed[1], 60), word=_(self.word)), width="stretch")
            st.button(
                _("Undo"), icon=":material/undo:", key=f"undo-{self.key}", on_click=self._restore,
                help=_("Puts it back on the list."),
            )
            st.button(
                _("Dismiss"), key=f"forget-{self.key}", type="tertiary", on_click=self.forget,
                help=_("Hides this bar."),
            )

    def _restore(self) -> None:
        identity, _name = st.session_state.pop(self._memory)
        self.give_back(identity)


EXPERIMENTS = UndoBar(
    "delete", marked("deleted"), lambda identity: lab().delete(identity), lambda identity: lab().undelete(identity)
)
QUEUE = UndoBar(
    "queue", marked("removed from the queue"), lambda identity: lab().queue.remove(identity),
    lambda identity: lab().queue.put_back(identity),
)
CORRECTIONS = UndoBar(
    "correction", marked("removed"), lambda identity: lab().corrections.remove(*identity.split("/")),
    lambda identity: lab().corrections.restore(*identity.split("/")),
)
"""Identity: the experiment's id, a slash, the correction's."""
SWEEPS = UndoBar(
    "sweep-delete", "deleted", lambda identity: lab().sweeps.delete(identity),
    lambda identity: lab().sweeps.undelete(identity),
)
DATA_SETS = UndoBar(
    "removal", marked("removed"), lambda identity: lab().shelf.remove(identity),
    lambda identity: lab().shelf.restore(identity)
)
LATENCY = UndoBar(
    "latency-removal", marked("deleted"), lambda identity: lab().latency.remove(identity),
    lambda identity: lab().latency.restore(identity),
)
NOTES = UndoBar(
    "note-removal", "removed", lambda identity: lab().notes.remove(*identity.split("/")),
    lambda identity: lab().notes.restore(*identity.split("/")),
)
"""Identity: the experiment's id, a slash, the run's or nothing."""
