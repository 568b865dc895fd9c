"""The security headers of every response, the content-security policy above all."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

import streamlit

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@cache
def content_security_policy() -> str:
    """Everything from this server alone; no remote host, no eval, no frame, no form to elsewhere.

    Streamlit's page has one script in its text, which is allowed by its digest. It loads custom components as blob:
    scripts, which only a script of ours can make, and compiles WebAssembly, which is no eval of text. Its styles are
    made in the page, so `style-src` needs 'unsafe-inline'.
    """
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in _INLINE_SCRIPT.findall(page)
    )
    return "; ".join([
        "default-src 'none'", f"script-src 'self' blob: 'wasm-unsafe-eval' {scripts}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:", "font-src 'self' data:", "media-src 'self' blob:", "connect-src 'self'",
        "worker-src 'self' blob:", "manifest-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-src 'none'",
        "frame-ancestors 'none'", "object-src 'none'",
    ])


def security_headers(path: str) -> dict[str, str]:
    """What a response gets unless it says so itself; private answers are kept by no cache."""
    found = {
        "content-security-policy": content_security_policy(), "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin", "x-frame-options": "DENY", "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "geolocation=(), microphone=(), payment=(), usb=()",
    }
    return found if "/static/" in path else found | {"cache-control": "no-store"}
