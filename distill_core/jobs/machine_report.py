"""What a user needs to know of this machine and installation; loads no torch."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import psutil

from distill_core import __version__
from distill_core.deployment.machine import available_cores, machine_name
from distill_core.errors import LabError
from distill_core.executors import REGISTRY, wanted_executor
from distill_core.executors.devices import default_threads, list_devices, package_versions, unused_gpus
from distill_core.folders import Home, HomeUnusable
from distill_core.jobs.exporters import tools_report
from distill_core.processes import is_held
from distill_core.store.database import database_title


def machine_report(home: Home) -> dict[str, Any]:
    """Devices, threads, versions, free space, home folder, executor, other tools and the dispatcher.

    Sizes in bytes.
    """
    # A home that cannot be made is part of the report.
    with suppress(HomeUnusable), home.usable():
        pass
    disk = shutil.disk_usage(next(path for path in (home.path, *home.path.parents) if path.exists()))
    memory = psutil.virtual_memory()
    return {
        "home": str(home.path),
        "home_writable": home.path.is_dir() and os.access(home.path, os.W_OK),
        "executor": wanted_executor(),
        "executors": REGISTRY.names,
        "machine": machine_name(),
        "devices": [asdict(device) for device in list_devices()],
        "unused_gpus": unused_gpus(),
        "threads": {"usable_cores": available_cores(), "most_per_worker": default_threads()},
        "memory": {"total_bytes": memory.total, "available_bytes": memory.available},
        "disk": {"total_bytes": disk.total, "free_bytes": disk.free},
        "versions": {"distill_core": __version__, **package_versions()},
        "tools": tools_report(home),
        "database": _database(home),
        "dispatcher_alive": is_held(home.dispatcher_lock),
    }


def _database(home: Home) -> str:
    """A wrong address is part of the report too."""
    try:
        return database_title(home)
    except LabError as error:
        return error.sentence
