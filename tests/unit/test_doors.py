"""The doors without a browser: hosts, origins, sign-in, sessions and settings, asked by raw ASGI messages."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from distill_core.access import LOCAL, Actor
from distill_core.access_settings import AccessSettings, write_access
from distill_core.folders import Home
from pages.doors.entrance import Entrance
from pages.doors.gate import Gate
from pages.doors.headers import content_security_policy
from pages.doors.hosts import host_name, is_allowed, is_same_origin
from pages.doors.oidc import OidcSignIn
from pages.doors.sessions import IDLE_SECONDS, LONGEST_SECONDS, MOST_WRONG, WRONG_SECONDS, Attempts, Sessions
from pages.doors.settings import Doors, DoorsUnsafe, check_address, check_options, read_doors
from pages.doors.signing_in import ACTOR, SignIn

ADMIN, VIEWER = "the-admin-token-1", "the-viewer-token-1"
TOKEN = {"DISTILL_SIGN_IN": "token", "DISTILL_TOKEN": ADMIN, "DISTILL_VIEWER_TOKEN": VIEWER}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Server:
    """A gate before an application that tells who it was reached by."""

    doors: Doors
    clock: Clock = field(default_factory=Clock)
    reached: list[Actor | None] = field(default_factory=list)
    heard: list[Message] = field(default_factory=list)
    log: list[tuple[str, ...]] = field(default_factory=list)
    fails: bool = False

    def __post_init__(self) -> None:
        self.sign_in = SignIn(self.doors, clock=self.clock)
        entrance = Entrance(self.sign_in, record=lambda *told, detail: self.log.append((*told, detail)))
        self.gate = Gate(self._inside, sign_in=self.sign_in, entrance=entrance)

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append(scope[ACTOR])
        if self.fails:
            raise RuntimeError("a secret detail")
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while (message := await receive())["type"] != "websocket.disconnect":
                self.heard.append(message)
            self.heard.append(message)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"inside"})

    def ask(
        self, path: str = "/", *, method: str = "GET", body: bytes = b"", kind: str = "http",
        messages: list[Message] | None = None, server: str = "127.0.0.1", client: str = "127.0.0.1", **headers: str,
    ) -> list[Message]:
        place, _, query = path.partition("?")
        given = {"host": "127.0.0.1:8501"} | {name.replace("_", "-"): value for name, value in headers.items()}
        scope: Scope = {
            "type": kind, "method": method, "path": place, "query_string": query.encode(), "scheme": "http",
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value != "(none)"],
            "server": (server, 8501), "client": (client, 5), "http_version": "1.1",
        }
        sent: list[Message] = []
        waiting = messages or [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return waiting.pop(0) if waiting else {"type": "websocket.disconnect", "code": 1000}

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self.gate(scope, receive, send))
        return sent

    def status(self, path: str = "/", **more: Any) -> int:
        return int(self.ask(path, **more)[0]["status"])

    def cookie(self, token: str) -> str:
        """Signs in by link and returns the Cookie header."""
        headers = dict(self.ask(f"/?token={token}")[0]["headers"])
        return headers[b"set-cookie"].decode().split(";")[0]


def text_of(sent: list[Message]) -> str:
    return b"".join(message.get("body", b"") for message in sent).decode()


@pytest.fixture
def shut() -> Server:
    return Server(read_doors(dict(TOKEN)))


@pytest.fixture
def alone() -> Server:
    return Server(read_doors({}))


# Hosts and origins ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.5", "[fe80::1]:8501", "", "(none)",
     "127.0.0.1:99999", "127.0.0.1@evil.example", "127.0.0.1/x", "[::1", "loc alhost", "0.0.0.0:8501"],
)
def test_a_foreign_host_is_refused_on_every_path(alone: Server, host: str) -> None:
    for path in ("/", "/lab/live/x", "/lab/health", "/_stcore/health", "/media/x.png", "/lab/share/x"):
        assert alone.status(path, host=host) == 421
    assert alone.ask("/_stcore/stream", kind="websocket", host=host)[0]["type"] == "websocket.close"
    assert alone.reached == []


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8501", "localhost.", "127.0.0.1", "127.5.5.5:80", "[::1]:8501"]
)
def test_this_machines_names_pass(alone: Server, host: str) -> None:
    assert alone.status(host=host) == 200 and alone.reached == [LOCAL]


def test_two_host_headers_are_refused(alone: Server) -> None:
    scope: Scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"", "server": ("127.0.0.1", 1),
        "client": ("127.0.0.1", 1), "headers": [(b"host", b"localhost"), (b"host", b"localhost")],
    }
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(alone.gate(scope, lambda: None, send))  # type: ignore[arg-type,return-value]
    assert sent[0]["status"] == 421


def test_allowed_names_pass_and_addresses_do_with_sign_in() -> None:
    assert is_allowed("lab.example.org:80", allowed={"lab.example.org"}, sign_in=False)
    assert not is_allowed("x.lab.example.org", allowed={"lab.example.org"}, sign_in=True)
    assert is_allowed("10.0.0.5:8501", allowed=(), sign_in=True)
    assert not is_allowed("10.0.0.5.evil.example", allowed=(), sign_in=True)
    assert host_name("[::1]:80") == "::1" and host_name("a:b") is None


@pytest.mark.parametrize(("end", "address"), [("server", "192.168.1.4"), ("client", "192.168.1.9"), ("server", "")])
def test_without_sign_in_other_machines_are_refused_whatever_they_call_us(
    alone: Server, end: str, address: str
) -> None:
    assert alone.status(**{end: address}) == 421
    assert alone.reached == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8501"])
def test_another_sites_page_changes_nothing_and_gets_no_websocket(alone: Server, origin: str) -> None:
    assert alone.status("/_stcore/upload_file/x", method="PUT", origin=origin) == 403
    assert alone.ask("/_stcore/stream", kind="websocket", origin=origin)[0]["type"] == "websocket.close"
    assert alone.reached == []
    assert alone.status(method="POST", origin="http://127.0.0.1:8501") == 200


def test_a_request_without_origin_is_judged_by_its_site(alone: Server) -> None:
    assert alone.status(method="POST", sec_fetch_site="cross-site") == 403
    assert alone.status(method="DELETE", sec_fetch_site="same-origin") == 200
    assert not is_same_origin("ftp://localhost", "localhost")


# Headers and failures ---------------------------------------------------------------------------


def test_every_answer_has_the_headers_and_private_ones_are_not_kept(alone: Server) -> None:
    for path in ("/", "/lab/live/x"):
        headers = dict(alone.ask(path)[0]["headers"])
        assert headers[b"x-content-type-options"] == b"nosniff" and headers[b"cache-control"] == b"no-store"
        assert headers[b"content-security-policy"].decode() == content_security_policy()
    assert b"cache-control" not in dict(alone.ask("/static/js/x.js")[0]["headers"])
    assert b"content-security-policy" in dict(alone.ask(host="evil.example")[0]["headers"])


def test_the_policy_names_no_remote_host_and_allows_no_eval() -> None:
    policy = content_security_policy()
    assert "'unsafe-eval'" not in policy and "http" not in policy and "*" not in policy
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "'unsafe-inline'" not in script and "'sha256-" in script
    assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy


def test_a_failure_within_is_an_id_and_no_detail(alone: Server, caplog: pytest.LogCaptureFixture) -> None:
    alone.fails = True
    sent = alone.ask("/lab/live/x")
    assert sent[0]["status"] == 500 and "secret" not in text_of(sent)
    assert json.loads(text_of(sent))["error_id"] in caplog.text and "secret" in caplog.text


# Start tokens -----------------------------------------------------------------------------------


def test_nothing_is_reached_without_a_session(shut: Server) -> None:
    for path in ("/", "/experiment", "/lab/live/x", "/lab/plotly.min.js", "/media/a.png", "/static/js/a.js",
                 "/_stcore/host-config", "/_stcore/agent", "/_stcore/metrics", "/component/x", "/_stcore/health/x",
                 "/lab/share/", "/lab/share/a/../../live/x"):
        assert shut.status(path) == 401, path
        assert shut.status(path, cookie="distill_session=guessed; _streamlit_user=x") == 401
    assert shut.status("/_stcore/upload_file/x/y", method="PUT") == 401
    assert shut.ask("/_stcore/stream", kind="websocket") == [{"type": "websocket.close", "code": 1008}]
    assert shut.reached == []


def test_what_is_open_stays_open(shut: Server) -> None:
    for path in ("/lab/health", "/_stcore/health", "/lab/share/abc"):
        assert shut.status(path) == 200
    assert shut.reached == [None, None, None]


def test_the_doors_speak_the_language_of_the_browser_and_of_the_address(shut: Server) -> None:
    page = {"accept": "text/html"}
    assert "登录 Distill Lab" in text_of(shut.ask("/", **page, accept_language="zh-CN,en;q=0.5"))
    assert "Sign in to Distill Lab" in text_of(shut.ask("/", **page, accept_language="fr"))
    told = text_of(shut.ask("/?lang=zh", **page))
    assert '<html lang="zh-Hans">' in told and "登录 Distill Lab" in told
    # What one request spoke is not spoken to the next.
    assert "Sign in to Distill Lab" in text_of(shut.ask("/", **page))


def test_a_link_gives_a_session_and_loses_its_token(shut: Server) -> None:
    sent = shut.ask(f"/experiment?id=a%26b&token={VIEWER}&tab=Runs")
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 303 and headers[b"location"] == b"/experiment?id=a%26b&tab=Runs"
    cookie = headers[b"set-cookie"].decode()
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and VIEWER not in cookie and "Secure" not in cookie
    assert shut.status("/lab/live/x", cookie=cookie.split(";")[0]) == 200
    assert shut.reached == [Actor("viewer", "viewer")]
    assert shut.log == [("viewer", "sign-in", "By token, from 127.0.0.1.")]


def test_a_link_leads_to_no_other_host(shut: Server) -> None:
    sent = shut.ask(f"//evil.example/x?token={ADMIN}")
    assert dict(sent[0]["headers"])[b"location"] == b"/evil.example/x"


def test_a_link_on_a_foreign_page_signs_in_too(shut: Server) -> None:
    """A browser holds a strict cookie back until a page of ours leads on."""
    sent = shut.ask(f"/?token={ADMIN}", sec_fetch_site="cross-site")
    assert sent[0]["status"] == 200 and 'content="0;url=/"' in text_of(sent)
    later = shut.ask("/experiment?id=%22%3E", sec_fetch_site="cross-site", accept="text/html")
    assert "url=/experiment?id=%22%3E" in text_of(later) and b"set-cookie" not in dict(later[0]["headers"])


def test_the_form_signs_in_and_only_from_here(shut: Server) -> None:
    body = f"token={ADMIN}".encode()
    sent = shut.ask("/lab/sign-in", method="POST", body=body, origin="http://127.0.0.1:8501")
    assert sent[0]["status"] == 303 and b"set-cookie" in dict(sent[0]["headers"])
    assert shut.status("/lab/sign-in", method="POST", body=body, origin="https://evil.example") == 403


def test_wrong_tokens_are_told_counted_and_then_refused(shut: Server) -> None:
    sent = shut.ask("/?token=wrong")
    assert sent[0]["status"] == 403 and "This token is not right" in text_of(sent)
    for _ in range(MOST_WRONG - 1):
        assert shut.status("/?token=wrong") == 403
    refused = shut.ask(f"/?token={ADMIN}")
    assert refused[0]["status"] == 429 and "Try again in about 5 min" in text_of(refused)
    assert shut.status(f"/?token={ADMIN}", client="127.0.0.2") == 303
    shut.clock.now += WRONG_SECONDS
    assert shut.status(f"/?token={ADMIN}") == 303
    assert shut.log[0] == ("unknown", "sign-in refused", "A wrong token from 127.0.0.1.")


def test_signing_out_ends_the_session_and_the_open_websocket(shut: Server) -> None:
    cookie = shut.cookie(ADMIN)
    first: Message = {"type": "websocket.receive", "bytes": b"1"}
    shut.ask("/_stcore/stream", kind="websocket", cookie=cookie, messages=[dict(first)])
    assert shut.heard == [first, {"type": "websocket.disconnect", "code": 1000}]
    assert shut.status("/lab/sign-out", cookie=cookie, sec_fetch_site="cross-site") == 403
    assert shut.status("/lab/live/x", cookie=cookie) == 200
    shut.heard.clear()

    end = shut.sign_in.sign_out
    watched = shut.sign_in.visitor
    calls = []

    def visitor(cookies: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            end(cookies)
        return watched(cookies)

    shut.sign_in.visitor = visitor  # type: ignore[method-assign]
    shut.ask("/_stcore/stream", kind="websocket", cookie=cookie, messages=[dict(first), dict(first)])
    assert shut.heard == [{"type": "websocket.disconnect", "code": 1008}]
    assert shut.status("/lab/live/x", cookie=cookie) == 401


def test_sessions_end_by_idleness_and_by_age() -> None:
    clock = Clock()
    sessions = Sessions(clock=clock)
    identity = sessions.begin(LOCAL)
    clock.now += IDLE_SECONDS - 1
    assert sessions.find(identity) == LOCAL
    clock.now += IDLE_SECONDS
    assert sessions.find(identity) is None
    other = sessions.begin(LOCAL)
    for _ in range(int(LONGEST_SECONDS // (IDLE_SECONDS / 2)) - 1):
        clock.now += IDLE_SECONDS / 2
        assert sessions.find(other) == LOCAL
    clock.now += IDLE_SECONDS / 2
    assert sessions.find(other) is None and sessions.find("") is None


def test_attempts_are_counted_by_address() -> None:
    clock = Clock()
    attempts = Attempts(clock=clock)
    for _ in range(MOST_WRONG):
        assert attempts.seconds_to_wait("a") == 0
        attempts.wrong("a")
    assert attempts.seconds_to_wait("a") == WRONG_SECONDS and attempts.seconds_to_wait("b") == 0


# OIDC -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "role", "told"),
    [
        ({"email": "Ada@X.org", "email_verified": True}, "operator", ""),
        ({"email": "ada@x.org", "email_verified": False}, None, "not verified"),
        ({"email": "ada@x.org"}, None, "not verified"),
        ({"email": "eve@y.org", "email_verified": True}, None, "no role here"),
        ({"sub": "ada@x.org"}, None, "did not tell"),
        ({"email": "admin", "email_verified": True}, None, "did not tell"),
    ],
)
def test_roles_are_given_by_verified_addresses(
    tmp_path: Path, claims: dict[str, Any], role: str | None, told: str
) -> None:
    home = Home(tmp_path)
    write_access(home, AccessSettings(domains={"x.org": "operator"}))
    actor, reason = OidcSignIn(lambda: home, clock=Clock()).who(claims)
    assert (actor.role if actor else None) == role and told in reason
    assert actor is None or actor.name == "ada@x.org"


def test_a_forged_provider_cookie_is_nobodys() -> None:
    server = Server(Doors("oidc", {}, frozenset(), {"cookie_secret": "x"}))
    for cookie in ("_streamlit_user=e30.x.y", '_streamlit_user={"is_logged_in": true}', "_streamlit_user=\x7f"):
        assert server.status("/lab/live/x", cookie=cookie) == 401
    assert server.ask("/_stcore/stream", kind="websocket")[0]["type"] == "websocket.close"


# Settings ---------------------------------------------------------------------------------------


def test_tokens_are_taken_out_of_the_environment_and_kept_as_digests() -> None:
    environment = dict(TOKEN)
    doors = read_doors(environment)
    assert "DISTILL_TOKEN" not in environment and "DISTILL_VIEWER_TOKEN" not in environment
    assert ADMIN not in repr(doors) and VIEWER not in repr(doors) and doors.new_token == ""
    made = read_doors({"DISTILL_SIGN_IN": "token"})
    assert len(made.new_token) >= 40 and list(made.token_hashes.values()) == ["admin"]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"DISTILL_SIGN_IN": "yes"}, "allowed: none, token, oidc"),
        ({"DISTILL_SIGN_IN": "token", "DISTILL_TOKEN": "short"}, "16 or more"),
        (TOKEN | {"DISTILL_VIEWER_TOKEN": ADMIN}, "a token of its own"),
        ({"DISTILL_SIGN_IN": "oidc"}, "DISTILL_OIDC_METADATA_URL"),
        ({"DISTILL_ALLOWED_HOSTS": "https://lab"}, "without http"),
        ({"DISTILL_ALLOWED_HOSTS": "*"}, "without asterisks"),
    ],
)
def test_unsafe_settings_are_one_sentence(environment: dict[str, str], told: str) -> None:
    with pytest.raises(DoorsUnsafe, match=told):
        read_doors(dict(environment))


def test_oidc_needs_https_beyond_this_machine() -> None:
    given = {
        "DISTILL_SIGN_IN": "oidc", "DISTILL_OIDC_METADATA_URL": "https://id/x", "DISTILL_OIDC_CLIENT_ID": "a",
        "DISTILL_OIDC_CLIENT_SECRET": "b", "DISTILL_OIDC_URL": "http://lab.example.org",
    }
    with pytest.raises(DoorsUnsafe, match="https://"):
        read_doors(dict(given))
    doors = read_doors(given | {"DISTILL_OIDC_URL": "https://lab.example.org/"})
    assert doors.oidc is not None and doors.oidc["redirect_uri"] == "https://lab.example.org/oauth2callback"
    assert "lab.example.org" in doors.allowed_hosts


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "192.168.1.4", "lab.example.org"])
def test_an_open_address_needs_sign_in(address: str | None) -> None:
    with pytest.raises(DoorsUnsafe, match="Without sign-in"):
        check_address(address, read_doors({}))
    check_address(address, read_doors(dict(TOKEN)))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_this_machines_addresses_need_none(address: str) -> None:
    check_address(address, read_doors({}))


def test_options_that_undo_a_promise_are_refused() -> None:
    check_options({"server.enableXsrfProtection": True, "client.showErrorDetails": "none"})
    for name, value in (("server.enableXsrfProtection", False), ("client.showErrorDetails", "full"),
                        ("browser.gatherUsageStats", True), ("server.trustedUserHeaders", {"X-User": "email"}),
                        ("server.enableAgentApi", True)):
        with pytest.raises(DoorsUnsafe, match=name):
            check_options({name: value})
