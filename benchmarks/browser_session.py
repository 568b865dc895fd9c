"""A visitor without a browser: speaks Streamlit's websocket protocol with a running dashboard, as a tab does."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

_LONGEST_RERUN_SECONDS = 60.0


class RunFailed(Exception):
    """A script run ended otherwise than well, or showed an exception."""


@dataclass(frozen=True)
class Rerun:
    """One script run. `seconds` from the request to the script's end; `size_bytes` of all messages, not compressed."""

    seconds: float
    size_bytes: int


@dataclass
class BrowserSession:
    """One open tab. `every` holds the fragments that the page wants rerun, each with its interval in seconds.

    What a browser keeps between runs, such as messages it has seen before, is not used: figures are upper bounds.
    """

    url: str
    page: str = ""
    query: str = ""
    every: dict[str, float] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        place = urlsplit(self.url)
        self._socket: ClientConnection = connect(
            f"ws://{place.netloc}/_stcore/stream", subprotocols=["streamlit"], origin=self.url,  # type: ignore[arg-type,list-item]
            max_size=None, open_timeout=30,
        )
        self._page_hash = ""

    def open(self) -> Rerun:
        """What following a link does: the whole page."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = self.page
        return self._run(message)

    def refresh(self) -> Rerun:
        """The whole page again, as after a click."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_script_hash = self._page_hash
        return self._run(message)

    def refresh_fragment(self, fragment_id: str) -> Rerun:
        """One of `every`, as its timer does."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_script_hash = self._page_hash
        message.rerun_script.fragment_id = fragment_id
        message.rerun_script.is_auto_rerun = True
        return self._run(message)

    def close(self) -> None:
        self._socket.close()

    def _run(self, message: BackMsg) -> Rerun:
        """Raises RunFailed, TimeoutError, or websockets' ConnectionClosed."""
        begun, size = time.perf_counter(), 0
        timers: dict[str, float] = {}
        self.texts.clear()
        self._socket.send(message.SerializeToString())
        while True:
            content = self._socket.recv(timeout=_LONGEST_RERUN_SECONDS)
            assert isinstance(content, bytes), "Streamlit speaks protobuf"
            size += len(content)
            told = ForwardMsg.FromString(content)
            kind = told.WhichOneof("type")
            if kind == "new_session":
                self._page_hash = self._page_hash or told.new_session.page_script_hash
            elif kind == "navigation":
                # The script of the session is the frame; which of its pages is shown is told later.
                self._page_hash = told.navigation.page_script_hash or self._page_hash
            elif kind == "auto_rerun":
                timers[told.auto_rerun.fragment_id] = told.auto_rerun.interval
            elif kind == "page_not_found":
                raise RunFailed(f"there is no page {self.page}")
            elif kind == "delta" and told.delta.WhichOneof("type") == "new_element":
                self._look_at(told)
            elif kind == "script_finished":
                if told.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    timers.clear()
                    continue
                if told.script_finished not in (
                    ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
                ):
                    raise RunFailed(ForwardMsg.ScriptFinishedStatus.Name(told.script_finished))
                # A whole run names all timers anew, also one that a fragment asked for.
                known = {} if told.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY else self.every
                self.every = known | timers
                return Rerun(time.perf_counter() - begun, size)

    def _look_at(self, told: ForwardMsg) -> None:
        element = told.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise RunFailed(f"{element.exception.type}: {element.exception.message}")
        if kind == "markdown":
            self.texts.append(element.markdown.body)
        elif kind == "alert" and "could not be shown" in element.alert.body:
            raise RunFailed(element.alert.body)
        elif kind == "page_link":
            self.texts.append(element.page_link.label)
