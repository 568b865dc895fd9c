"""`python -m distill_core.jobs.describe OUT`: writes the catalogue as JSON, so that others need no torch."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from distill_core.folders import write_json


def main(out: Path) -> None:
    # Loading torch beside the first visitor's page must not slow it.
    os.nice(10)
    from distill_core.training.preparation import installed_catalogue

    write_json(out, installed_catalogue().to_json())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
