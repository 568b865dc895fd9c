"""Signing in and out over HTTP: start links, the token's form, the way to the provider and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope

from distill_core.access import Actor
from distill_core.language import _, marked, told
from pages.doors import answers
from pages.doors.oidc import login_query
from pages.doors.sessions import LONGEST_SECONDS
from pages.doors.signing_in import COOKIE, SignIn, Visitor

SIGN_IN, BEGIN, SIGN_OUT = "/lab/sign-in", "/lab/sign-in/begin", "/lab/sign-out"
_PROVIDER_SIGN_OUT = "/auth/logout"
_MOST_FORM_BYTES = 4096
WRONG_TOKEN = marked("This token is not right, or of an earlier start. Use the link that was printed last.")
ONLY_OWN = marked("Only this dashboard's own pages sign out.")

Record = Callable[..., None]
"""Audit.record."""


class Entrance:
    """Answers what belongs to signing in; None for every other request. `record` writes into the audit log."""

    def __init__(self, sign_in: SignIn, *, record: Record, base: str = "") -> None:
        self._sign_in, self._record, self._base = sign_in, record, base

    async def answer(
        self, scope: Scope, receive: Receive, headers: Headers, cookies: dict[str, str], path: str
    ) -> Response | None:
        method = scope["method"]
        if path == SIGN_OUT:
            return self._signed_out(headers, cookies)
        if self._sign_in.mode == "oidc":
            if path == BEGIN:
                return _redirect(f"{self._base}/auth/login?{login_query()}")
            if path == _PROVIDER_SIGN_OUT:
                if _is_asked_by_others(headers):
                    return answers.refusal(_(ONLY_OWN), status=403, wants_page=True)
                self._sign_in.oidc.sign_out(cookies)
            elif path == SIGN_IN:
                return _redirect(f"{self._base}/")
            return None
        if path == SIGN_IN:
            if method == "POST":
                form = parse_qs((await _body(receive)).decode("utf-8", errors="replace"))
                return await self._tried(scope, form.get("token", [""])[0], headers=headers, to=f"{self._base}/")
            return answers.token_page(self._base + SIGN_IN, status=200)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in query if name == "token"]
        if method == "GET" and tokens:
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            # Never to another host: a path with two slashes would be one.
            place = "/" + quote(scope["path"].lstrip("/\\"))
            return await self._tried(scope, tokens[0], headers=headers, to=place + (f"?{rest}" if rest else ""))
        return None

    def door(self, visitor: Visitor, scope: Scope, headers: Headers, *, wants_page: bool) -> Response:
        """What somebody sees who is not let in."""
        if not wants_page:
            status = 403 if visitor.reason else 401
            return answers.refusal(told(visitor.reason) or _("Sign in first."), status=status, wants_page=False)
        if self._sign_in.mode == "token":
            if scope["method"] == "GET" and _is_asked_by_others(headers):
                query = scope["query_string"].decode("latin-1")
                return answers.onward_page("/" + quote(scope["path"].lstrip("/\\")) + (f"?{query}" if query else ""))
            return answers.token_page(self._base + SIGN_IN)
        return answers.provider_page(self._base + BEGIN, self._base + SIGN_OUT, problem=told(visitor.reason))

    def recorded(self, actor: Actor | None, name: str, *, detail: str) -> None:
        self._record(name[:254], "sign-in" if actor else "sign-in refused", detail=detail)

    async def _tried(self, scope: Scope, token: str, *, headers: Headers, to: str) -> Response:
        address = str((scope.get("client") or ("unknown",))[0])
        attempts, place = self._sign_in.attempts, self._base + SIGN_IN
        wait = attempts.seconds_to_wait(address)
        if wait > 0:
            minutes = max(1, round(wait / 60))
            sentence = _("There were too many wrong tokens from here. Try again in about {minutes} min.")
            return answers.token_page(place, problem=sentence.format(minutes=minutes), status=429)
        actor = self._sign_in.actor_of_token(token)
        if actor is None:
            attempts.wrong(address)
            await run_in_threadpool(self.recorded, None, "unknown", detail=f"A wrong token from {address}.")
            return answers.token_page(place, problem=_(WRONG_TOKEN), status=403)
        await run_in_threadpool(self.recorded, actor, actor.name, detail=f"By token, from {address}.")
        response = answers.onward_page(to) if _is_asked_by_others(headers) else _redirect(to)
        response.set_cookie(
            COOKIE, self._sign_in.sessions.begin(actor), max_age=int(LONGEST_SECONDS), path=self._base or "/",
            httponly=True, samesite="strict", secure=scope.get("scheme") == "https",
        )
        return response

    def _signed_out(self, headers: Headers, cookies: dict[str, str]) -> Response:
        if _is_asked_by_others(headers):
            return answers.refusal(_(ONLY_OWN), status=403, wants_page=True)
        if self._sign_in.mode == "oidc":
            return _redirect(self._base + _PROVIDER_SIGN_OUT)
        self._sign_in.sign_out(cookies)
        response = _redirect(self._base + SIGN_IN)
        response.delete_cookie(COOKIE, path=self._base or "/", httponly=True, samesite="strict")
        return response


def _redirect(to: str) -> Response:
    return RedirectResponse(to, 303)


def _is_asked_by_others(headers: Headers) -> bool:
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


async def _body(receive: Receive) -> bytes:
    found, more = b"", True
    while more and len(found) <= _MOST_FORM_BYTES:
        message: Any = await receive()
        found += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
    return found[:_MOST_FORM_BYTES]
