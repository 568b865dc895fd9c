"""The outermost layer of the server: every request and websocket passes it before anything of ours or Streamlit's."""

from __future__ import annotations

import logging
import re
import secrets
from http.cookies import CookieError, SimpleCookie

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distill_core.access import Actor
from distill_core.errors import LabError
from distill_core.language import _, speaking
from pages.doors import answers
from pages.doors.entrance import Entrance
from pages.doors.headers import security_headers
from pages.doors.hosts import host_name, is_allowed, is_same_origin
from pages.doors.languages import language_of
from pages.doors.settings import CALLBACK, is_loopback
from pages.doors.signing_in import ACTOR, SignIn, Visitor

log = logging.getLogger("distill_lab.doors")

_SAFE = ("GET", "HEAD", "OPTIONS")
# What needs no sign-in: whether the server lives, and pages that were shared by a link.
_OPEN = re.compile(r"/lab/health|/_stcore/health|/lab/share/[^/]+")
_LOGIN = ("/auth/login", "/auth/logout", CALLBACK)
# Routes of our own; all else is Streamlit's.
_OURS = "/lab/"
_GOING_AWAY = 1008


class Gate:
    """ASGI middleware: host, origin, sign-in, security headers, and no detail of a failure to the outside."""

    def __init__(self, app: ASGIApp, *, sign_in: SignIn, entrance: Entrance, base: str = "") -> None:
        self._app, self._sign_in, self._entrance, self._base = app, sign_in, entrance, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        cookies = cookie_parser(headers.get("cookie", ""))
        language = language_of(scope, headers)
        path = str(scope["path"]).removeprefix(self._base) or "/"
        safe = _Safe(send, path)
        try:
            # Streamlit's pages find their language themselves; all else is answered in the request's.
            with speaking(language):
                answer, actor = await self._judged(scope, receive, headers, cookies, path)
            if answer is not None:
                await self._refuse(scope, receive, safe, answer)
                return
            scope[ACTOR] = actor
            if scope["type"] == "websocket":
                receive = _Watched(self._sign_in, cookies, receive, actor)
            elif path == CALLBACK and self._sign_in.mode == "oidc":
                safe.on_start = self._told_of_login
            if path.startswith(_OURS):
                with speaking(language):
                    await self._app(scope, receive, safe)
            else:
                await self._app(scope, receive, safe)
        except Exception:
            error_id = secrets.token_hex(4)
            log.exception("error %s", error_id)
            if not safe.started:
                with speaking(language):
                    shown = answers.refusal(
                        _("The server could not answer; look for error {error_id} in its log.").format(
                            error_id=error_id,
                        ),
                        status=500, wants_page=_wants_page(headers), title=_("Something failed"), error_id=error_id,
                    )
                await self._refuse(scope, receive, safe, shown)

    async def _judged(
        self, scope: Scope, receive: Receive, headers: Headers, cookies: dict[str, str], path: str
    ) -> tuple[Response | None, Actor | None]:
        """An answer of the doors' own, or None and on whose behalf the request goes on."""
        signing_in = self._sign_in.mode != "none"
        wants_page = scope["type"] == "http" and _wants_page(headers)
        if sentence := self._wrong_host(scope, headers):
            return answers.refusal(sentence, status=421, wants_page=wants_page, title=_("Wrong address")), None
        if _is_foreign(scope, headers):
            sentence = _("Another site's page asked for this; only pages of this dashboard may.")
            return answers.refusal(sentence, status=403, wants_page=wants_page), None
        if _OPEN.fullmatch(path):
            return None, None
        if signing_in and scope["type"] == "http":
            entered = await self._entrance.answer(scope, receive, headers, cookies, path)
            if entered is not None:
                return entered, None
            if self._sign_in.mode == "oidc" and path in _LOGIN:
                return None, None
        try:
            visitor = await run_in_threadpool(self._sign_in.visitor, cookies)
        except LabError as error:
            log.error("%s", error.sentence)
            sentence = _("The access settings cannot be used; an admin finds the reason in the server's log.")
            return answers.refusal(sentence, status=503, wants_page=wants_page), None
        if visitor.actor is None:
            return self._entrance.door(visitor, scope, headers, wants_page=wants_page), None
        return None, visitor.actor

    def _wrong_host(self, scope: Scope, headers: Headers) -> str:
        hosts = headers.getlist("host")
        doors = self._sign_in.doors
        if len(hosts) != 1 or not is_allowed(hosts[0], allowed=doors.allowed_hosts, sign_in=doors.mode != "none"):
            name = host_name(hosts[0]) if len(hosts) == 1 else None
            return _(
                "This dashboard does not answer to the address {name!r}. Use the one it told at its start, or start "
                "it with --allowed-host NAME."
            ).format(name=(name or "of this request")[:100])
        if doors.mode == "none":
            for end in ("server", "client"):
                address = scope.get(end)
                if address and not is_loopback(str(address[0])):
                    return _(
                        "Without sign-in this dashboard serves its own machine alone. Start it with --sign-in token."
                    )
        return ""

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
        if scope["type"] == "http":
            await answer(scope, receive, send)
        else:
            # Before it is accepted: the browser sees a refused handshake, HTTP 403.
            await send({"type": "websocket.close", "code": _GOING_AWAY})

    def _told_of_login(self, message: Message) -> None:
        """After the provider's answer: the cookies being set say who came."""
        cookies: dict[str, str] = {}
        for name, value in message.get("headers", ()):
            if name.lower() == b"set-cookie":
                try:
                    cookies |= {key: one.value for key, one in SimpleCookie(value.decode("latin-1")).items()}
                except CookieError:
                    log.warning("a cookie of the sign-in could not be read")
        claims = self._sign_in.oidc.claims(cookies)
        if claims is not None:
            actor, reason = self._sign_in.oidc.who(claims)
            self._entrance.recorded(actor, str(claims.get("email") or "unknown"), detail=reason or "By OIDC.")


class _Safe:
    """Sends on, with the security headers that a response does not have itself."""

    def __init__(self, send: Send, path: str) -> None:
        self._send, self._path = send, path
        self.started = False
        self.on_start = lambda message: None

    async def __call__(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept", "websocket.close"):
            self.started = True
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in security_headers(self._path).items():
                if name != "cache-control" or name not in headers:
                    headers.setdefault(name, value)
            self.on_start(message)
        await self._send(message)


class _Watched:
    """Receives for a websocket, and ends it at the first word after its person's sign-in has ended or changed."""

    def __init__(self, sign_in: SignIn, cookies: dict[str, str], receive: Receive, actor: Actor | None) -> None:
        self._sign_in, self._cookies, self._receive, self._actor = sign_in, cookies, receive, actor

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive" and self._sign_in.mode != "none":
            try:
                visitor = await run_in_threadpool(self._sign_in.visitor, self._cookies)
            except LabError:
                visitor = Visitor(None)
            if visitor.actor is None:
                return {"type": "websocket.disconnect", "code": _GOING_AWAY}
        return message


def _wants_page(headers: Headers) -> bool:
    return "text/html" in headers.get("accept", "")


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Whether another site's page is behind a request that changes something, or behind a websocket."""
    if scope["type"] == "http" and scope["method"] in _SAFE:
        return False
    origin = headers.get("origin")
    if origin is not None:
        return not is_same_origin(origin, headers.get("host", ""))
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
