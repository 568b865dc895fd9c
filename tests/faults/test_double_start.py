"""However often and from however many places one press of Start arrives, it makes one experiment."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.folders import Home
from distill_core.jobs.starting import DispatcherStarter
from distill_core.services import Lab
from tests.store_samples import small_spec

pytestmark = pytest.mark.faults
LAUNCHER = """
import json, sys
from pathlib import Path
from distill_core.folders import Home
from distill_core.jobs.starting import DispatcherStarter
from distill_core.services import Lab
from distill_core.spec import parse_spec
DispatcherStarter.ensure = lambda self: None
lab, spec = Lab(Home(Path(sys.argv[1]))), parse_spec(json.loads(sys.argv[2]))
sys.stdin.readline()
print(lab.launch(spec, idempotency_key=sys.argv[3]))
"""


def test_threads_and_processes_with_one_key_make_one_experiment(
    tmp_path: Path, with_catalogue: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody takes it away from the queue.
    monkeypatch.setattr(DispatcherStarter, "ensure", lambda self: None)
    home = with_catalogue(Home(tmp_path / "home"))
    lab = Lab(home)
    others = [
        subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(home.path), json.dumps(small_spec().to_json()), "one press"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(lab.launch(small_spec(), idempotency_key="one press")))
        for _ in range(8)
    ]
    for process in others:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made += [process.communicate(timeout=60)[0].strip() for process in others]
    assert len(made) == 10 and len(set(made)) == 1
    assert [row.experiment_id for row in lab.experiments()] == made[:1]
    assert [path.name for path in home.experiments.iterdir()] == made[:1], "no folder is left over"
    other = lab.launch(small_spec(), idempotency_key="another press")
    assert other != made[0] and lab.count() == 2
