"""Links to a frozen page of an experiment: they expire, can be revoked, and only a hash of each is kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from distill_core.access import Acting, needs
from distill_core.audit import Audit
from distill_core.catalog import Catalogue
from distill_core.errors import Conflict, LabError, NotFound
from distill_core.folders import Home, read_json, write_bytes, write_json
from distill_core.report.frozen import freeze
from distill_core.report.points import every_point
from distill_core.results import verdicts_of
from distill_core.store.store import Store

LONGEST_DAYS = 365
SECONDS_A_DAY = 86_400.0
_TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_SHARE_ID = re.compile(r"[0-9a-f]{64}")
# For as long a link that ended says so; then it is as if it had never been.
_KEPT_DAYS = 30
_MOST_LIVE = 200


class Gone(LabError):
    """A shared page whose link has expired or was revoked."""


@dataclass(frozen=True)
class Share:
    """One link. `share_id` is the hash of its token; who has it cannot open the page. Times in seconds."""

    share_id: str
    experiment_id: str
    by: str
    created_at: float
    expires_at: float
    revoked_at: float | None = None

    def is_live(self, now: float) -> bool:
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True)
class NewShare:
    """A link just made: its token is told once and kept nowhere."""

    token: str
    share: Share


class Shares(Acting):
    """The shared pages of one home. Thread-safe; every method returns soon; loads no torch."""

    def __init__(
        self, home: Home, store: Callable[[], Store], catalogue: Callable[[], Catalogue], *, audit: Audit,
        clock: Callable[[], float] = time.time, randomness: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._home, self._store, self._catalogue = home, store, catalogue
        self._audit, self._clock, self._randomness = audit, clock, randomness

    @needs("operator")
    def make(self, experiment_id: str, *, days: int) -> NewShare:
        """Freeze the experiment as it is now and make a link to it. Raises NotFound, NotAllowed, Conflict."""
        if not 1 <= days <= LONGEST_DAYS:
            raise Conflict(f"A link for {days} days; allowed: 1 to {LONGEST_DAYS}. Choose fewer or more days.")
        view = self._store().experiment(experiment_id)
        self.actor.require_own(view.row.owner)
        self._sweep()
        now = self._clock()
        live = sum(share.is_live(now) for share in self._all())
        if live >= _MOST_LIVE:
            raise Conflict(f"There are {live} links already; allowed: {_MOST_LIVE}. Revoke some first.")
        page = freeze(view, verdicts_of(view, self._catalogue()), every_point(self._store(), experiment_id), at=now)
        token = base64.urlsafe_b64encode(self._randomness(_TOKEN_BYTES)).decode().rstrip("=")
        share = Share(_hash(token), experiment_id, self.actor.name, now, now + days * SECONDS_A_DAY)
        with self._home.usable():
            # The record last: a page without one is not served, and swept away with what has ended.
            write_bytes(self._page(share.share_id), page)
            write_json(self._record(share.share_id), asdict(share))
        self._audit.record(self.actor.name, "share", experiment_id, detail=f"link {share.share_id[:8]}, {days} days")
        return NewShare(token, share)

    @needs("viewer")
    def of(self, experiment_id: str) -> list[Share]:
        """The links to an experiment that work now, newest first; what is left of others is cleared away."""
        self._sweep()
        now = self._clock()
        found = [share for share in self._all() if share.experiment_id == experiment_id and share.is_live(now)]
        return sorted(found, key=lambda share: (share.created_at, share.share_id), reverse=True)

    @needs("operator")
    def revoke(self, share_id: str) -> None:
        """The link stops to work at once, and its page is deleted. Raises NotFound, NotAllowed."""
        share = self._known(share_id)
        if share is None:
            raise NotFound("There is no such link; it may have been revoked. Look at the experiment's links again.")
        if share.by != self.actor.name:
            self.actor.require_own(self._store().experiment(share.experiment_id).row.owner)
        self._page(share_id).unlink(missing_ok=True)
        if share.revoked_at is None:
            write_json(self._record(share_id), asdict(replace(share, revoked_at=self._clock())))
            self._audit.record(self.actor.name, "unshare", share.experiment_id, detail=f"link {share_id[:8]}")

    @needs("viewer")
    def page(self, token: str) -> bytes:
        """The frozen page behind a link, for whoever has it. Raises NotFound, Gone.

        Found by the hash of the token alone, so that the time this takes tells nothing about other links.
        """
        share = self._known(_hash(token)) if _TOKEN.fullmatch(token) else None
        if share is None:
            raise NotFound("There is no page behind this link. Ask whoever sent it for a new one.")
        if share.revoked_at is not None:
            raise Gone("This link was revoked. Ask whoever sent it for a new one.")
        if not share.is_live(self._clock()):
            self._page(share.share_id).unlink(missing_ok=True)
            raise Gone("This link has expired. Ask whoever sent it for a new one.")
        folder = self._home.experiment(share.experiment_id)
        if folder.deleted.exists() or not folder.spec.exists():
            raise Gone("The experiment behind this link was deleted.")
        try:
            return self._page(share.share_id).read_bytes()
        except FileNotFoundError:
            raise Gone("The page behind this link is gone. Ask whoever sent it for a new one.") from None

    # Within -----------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Delete the pages of links that have ended, and what is left of them after 30 days."""
        now = self._clock()
        for folder in self._folders():
            share = self._known(folder.name)
            if share is not None and share.is_live(now):
                continue
            if share is None:
                # A page without a record may be one that is being made.
                if now - folder.stat().st_mtime > SECONDS_A_DAY:
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            self._page(folder.name).unlink(missing_ok=True)
            if now - (share.revoked_at or share.expires_at) > _KEPT_DAYS * SECONDS_A_DAY:
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> list[Path]:
        try:
            return [path for path in self._home.shares.iterdir() if _SHARE_ID.fullmatch(path.name)]
        except FileNotFoundError:
            return []

    def _all(self) -> list[Share]:
        return [share for path in self._folders() if (share := self._known(path.name)) is not None]

    def _known(self, share_id: str) -> Share | None:
        """None for a record that is not there or damaged: such a link opens nothing."""
        if not _SHARE_ID.fullmatch(share_id):
            return None
        try:
            share = Share(**read_json(self._record(share_id)))
        except (OSError, ValueError, TypeError):
            return None
        return share if share.share_id == share_id else None

    def _record(self, share_id: str) -> Path:
        return self._home.share(share_id) / "share.json"

    def _page(self, share_id: str) -> Path:
        return self._home.share(share_id) / "page.html"


def _hash(token: str) -> str:
    """Of the token's 32 bytes, so that a token written otherwise is not another one."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return ""
    return hashlib.sha256(raw).hexdigest()
