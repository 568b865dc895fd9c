"""Asks pip-audit for known holes in pinned packages: `python -m docs.known_holes requirements.txt`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

LONGEST_SECONDS = 180


def judged(report: Mapping[str, Any]) -> tuple[bool, list[str]]:
    """Whether the pins may stay, and lines for people. Only a hole that an update would close fails them."""
    lines, fixable, asked = [], False, 0
    for package in report["dependencies"]:
        if "skip_reason" in package:
            continue
        asked += 1
        for hole in package["vulns"]:
            fixes = hole["fix_versions"]
            fixable = fixable or bool(fixes)
            remedy = f"update to {' or '.join(fixes)}" if fixes else "nobody has a fix yet"
            lines.append(f"{package['name']} {package['version']}: {hole['id']}; {remedy}.")
    total = len(report["dependencies"])
    rest = "" if asked == total else "; the others are unknown"
    lines.append(f"{asked} of {total} packages were looked up{rest}.")
    return not fixable, lines


def main(requirements: str) -> int:
    if find_spec("pip_audit") is None:
        print("pip-audit is not installed; it is in requirements-dev.txt.")
        return 1
    command = [sys.executable, "-m", "pip_audit", "-r", requirements, "--no-deps", "--disable-pip", "-f", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
        report = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        # It prints no report where the network does not let it ask.
        print("Known holes could not be looked up: the advisory service cannot be reached from here.")
        return 0
    may_stay, lines = judged(report)
    print("\n".join(lines))
    return 0 if may_stay else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
