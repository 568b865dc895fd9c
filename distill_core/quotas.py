"""What a person uses of the home, and whether their quotas leave room for one more experiment."""

from __future__ import annotations

import os
from pathlib import Path

from distill_core.access_settings import AccessSettings
from distill_core.folders import Home, read_json
from distill_core.store.store import Store
from distill_core.store.transitions import ACTIVE


def why_no_launch(home: Home, store: Store, owner: str, settings: AccessSettings) -> str:
    """Of a person to whom quotas apply: a sentence where one more experiment would be too many, else empty."""
    limit = settings.quotas.queued
    if limit is not None:
        counts = store.counts(owner=owner, include_deleted=True)
        now = sum(counts.get(state, 0) for state in ACTIVE)
        if now >= limit:
            return (
                f"You have {now} experiments that wait or run; allowed: {limit}. Wait for one to end, stop one, or "
                "ask an admin for more."
            )
    return why_no_room(home, store, owner, settings)


def why_no_room(home: Home, store: Store, owner: str, settings: AccessSettings) -> str:
    """Of a person to whom quotas apply: a sentence where their disk quota is used up, else empty."""
    limit = settings.quotas.disk_bytes
    if limit is None:
        return ""
    used = disk_bytes(home, store, owner)
    if used < limit:
        return ""
    return (
        f"Your experiments and uploads take {used / 1e9:,.2f} GB; allowed: {limit / 1e9:,.2f} GB. Delete for good what "
        "you do not need, or ask an admin for more."
    )


def disk_bytes(home: Home, store: Store, owner: str) -> int:
    """Of a person's experiments and uploads; walks their folders."""
    folders = [home.experiment(found).path for found in store.ids_of(owner)]
    if home.data.is_dir():
        folders += [path for path in home.data.iterdir() if _owner_of(path / "data.json") == owner]
    weights = home.weights_facts("any").parent
    files = [path.with_suffix(".safetensors") for path in weights.glob("*.json") if _owner_of(path) == owner]
    return sum(_folder_bytes(folder) for folder in folders) + sum(_file_bytes(file) for file in files)


def _owner_of(facts: Path) -> str | None:
    try:
        found = read_json(facts)
    except (OSError, ValueError):
        # Half an upload, or a damaged record: nobody's, and its own page tells of it.
        return None
    owner = found.get("owner", "") if isinstance(found, dict) else None
    return owner if isinstance(owner, str) else None


def _folder_bytes(folder: Path) -> int:
    return sum(_file_bytes(Path(root) / name) for root, _, names in os.walk(folder) for name in names)


def _file_bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        # A worker may clear away a file while the folder is walked.
        return 0
