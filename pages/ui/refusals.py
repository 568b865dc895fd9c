"""What our routes answer when something fails: a status and a sentence, never a detail."""

from __future__ import annotations

import logging
import secrets

from distill_core.access import NotAllowed
from distill_core.errors import LabError, NotFound
from distill_core.language import _, told
from distill_core.uploads import TooLarge

log = logging.getLogger("distill_lab.routes")
_STATUS: tuple[tuple[type[LabError], int], ...] = ((NotFound, 404), (NotAllowed, 403), (TooLarge, 413))


def refusal_of(error: Exception, *, failed: str, otherwise: int = 503) -> tuple[int, dict[str, str]]:
    """HTTP status and JSON body. `otherwise` is the status of other sentences of ours; what nobody foresaw is 500.

    `failed` begins the sentence of the latter, which names an id of the server's log.
    """
    if isinstance(error, LabError):
        return next((status for kind, status in _STATUS if isinstance(error, kind)), otherwise), {
            "error": told(error.sentence)
        }
    error_id = secrets.token_hex(4)
    log.error("error %s", error_id, exc_info=error)
    return 500, {
        "error": _("{failed}; see the server's log for error {error_id}.").format(failed=failed, error_id=error_id),
        "error_id": error_id,
    }
