"""Who has which role, and how much each person may use: `access.json` of the home folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from distill_core.access import LOCAL, ROLES, Role
from distill_core.errors import LabError
from distill_core.folders import Home, read_json, write_json
from distill_core.spec import Frozen

Email = Annotated[str, StringConstraints(to_lower=True, strip_whitespace=True, pattern=r"^[^@\s]+@[^@\s]+$")]
Domain = Annotated[str, StringConstraints(to_lower=True, strip_whitespace=True, pattern=r"^[^@\s]+\.[^@\s.]+$")]


class AccessUnusable(LabError):
    """`access.json` cannot be read; until it is mended nobody gets in by e-mail."""


class Quotas(Frozen):
    """For each person; None: no limit. Admins have none, nor has whoever works at the machine itself."""

    queued: int | None = Field(None, ge=0, description="Experiments that wait or run.")
    running: int | None = Field(None, ge=0, description="Experiments that run at the same time.")
    disk_bytes: int | None = Field(None, ge=0, description="Of experiments and uploads.")


class AccessSettings(Frozen):
    """An e-mail address goes before its domain, a domain before the default; without any of them nobody gets in."""

    roles: dict[Email, Role] = Field(default_factory=dict)
    domains: dict[Domain, Role] = Field(default_factory=dict)
    default_role: Role | None = None
    unverified_emails: bool = Field(False, description="Take addresses that the provider did not verify.")
    quotas: Quotas = Quotas()

    def role_of(self, email: str) -> Role | None:
        """None: not allowed in."""
        address = email.strip().lower()
        return self.roles.get(address) or self.domains.get(address.rpartition("@")[2]) or self.default_role

    def is_limited(self, owner: str) -> bool:
        """Whether quotas hold for this person: an owner's name as it stands in the index and the audit log."""
        if owner in ("", LOCAL.name, *ROLES):
            # At the machine itself, or by a start token, which is no person: only the operator's is limited.
            return owner == "operator"
        return self.role_of(owner) != "admin"

    def may_run(self, owner: str, running: int) -> bool:
        """Whether one more experiment of this owner may begin while `running` of theirs run."""
        limit = self.quotas.running
        return limit is None or not self.is_limited(owner) or running < limit


def read_access(home: Home) -> AccessSettings:
    """The settings; those of an empty file where there is none. Raises AccessUnusable."""
    try:
        return AccessSettings.model_validate(read_json(home.access))
    except FileNotFoundError:
        return AccessSettings()
    except ValidationError as error:
        first: Mapping[str, object] = dict(error.errors()[0])
        place = ".".join(str(part) for part in error.errors()[0]["loc"] if part != "[key]") or "the whole file"
        raise AccessUnusable(
            f"The access settings {home.access} cannot be used: {place}: {str(first['msg']).lower()}. Mend the file, "
            "or remove it and set roles anew by the command `access`."
        ) from None
    except (OSError, ValueError) as error:
        raise AccessUnusable(
            f"The access settings {home.access} cannot be read ({error}). Mend the file, or remove it and set roles "
            "anew by the command `access`."
        ) from None


def write_access(home: Home, settings: AccessSettings) -> None:
    """Raises HomeUnusable."""
    with home.usable():
        write_json(home.access, settings.model_dump(mode="json"))
