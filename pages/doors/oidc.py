"""Who is signed in by OIDC: reads the signed cookie that Streamlit's own login sets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from streamlit.auth_util import encode_provider_token, get_cookie_with_chunks, get_origin_from_redirect_uri
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from distill_core.access import Actor
from distill_core.access_settings import read_access
from distill_core.folders import Home
from distill_core.language import marked
from pages.doors.settings import digest

LONGEST_DAYS = 0.5
PROVIDER = "default"


class OidcSignIn:
    """Turns cookies into people. Thread-safe; signed-out cookies are refused for as long as they would live."""

    def __init__(self, home: Callable[[], Home], *, clock: Callable[[], float]) -> None:
        self._home, self._clock = home, clock
        self._lock = threading.Lock()
        self._signed_out: dict[str, float] = {}

    def claims(self, cookies: Mapping[str, str]) -> dict[str, Any] | None:
        """What the provider said of who holds these cookies; None: nobody is signed in."""
        secret = get_cookie_secret()

        def part(name: str) -> bytes | None:
            value = cookies.get(name)
            return decode_signed_value(secret, name, value.encode("latin-1"), LONGEST_DAYS) if value else None

        if not secret or self._is_signed_out(cookies):
            return None
        try:
            found = json.loads(get_cookie_with_chunks(part, USER_COOKIE_NAME) or b"null")
        except (ValueError, UnicodeError):
            # A forged or damaged cookie is nobody's.
            return None
        if not isinstance(found, dict) or not found.get("is_logged_in"):
            return None
        return found if found.get("origin") == get_origin_from_redirect_uri() else None

    def who(self, claims: Mapping[str, Any]) -> tuple[Actor | None, str]:
        """The person, or None and one sentence why they may not come in. Raises AccessUnusable."""
        email = str(claims.get("email") or "").strip().lower()
        if "@" not in email:
            return None, marked(
                "Your provider did not tell your e-mail address, by which roles are given. Ask an admin."
            )
        settings = read_access(self._home())
        if claims.get("email_verified") is not True and not settings.unverified_emails:
            sentence = marked(
                "Your provider has not verified the address {email}. Verify it there, then sign in again."
            )
            return None, sentence.format(email=email[:254])
        role = settings.role_of(email)
        if role is None:
            sentence = marked("You are signed in as {email}, who has no role here. Ask an admin for one.")
            return None, sentence.format(email=email[:254])
        return Actor(email[:254], role), ""

    def sign_out(self, cookies: Mapping[str, str]) -> None:
        now = self._clock()
        with self._lock:
            self._signed_out = {key: until for key, until in self._signed_out.items() if until > now}
            if cookie := cookies.get(USER_COOKIE_NAME):
                self._signed_out[digest(cookie)] = now + LONGEST_DAYS * 86_400

    def _is_signed_out(self, cookies: Mapping[str, str]) -> bool:
        with self._lock:
            return self._signed_out.get(digest(cookies.get(USER_COOKIE_NAME, "")), 0.0) > self._clock()


def login_query() -> str:
    """The query of Streamlit's login address; good for a moment."""
    return f"provider={encode_provider_token(PROVIDER)}"
