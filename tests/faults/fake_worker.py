"""A worker that trains nothing: it behaves as the name of its spec says. Run as a script by the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from distill_core.event_log import EventLog
from distill_core.events import Failure, WorkerEnded
from distill_core.folders import ExperimentFolder, read_json
from distill_core.jobs.lease import claim
from distill_core.processes import write_stamp
from tests.store_samples import declared, epoch, finished, worker_started


def main(folder: ExperimentFolder) -> None:
    behaviour = read_json(folder.spec)["name"]
    if behaviour == "never-stamps":
        time.sleep(60)
    stops: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stops.append(number))
    claimed = claim(folder)
    if isinstance(claimed, int):
        sys.exit(claimed)
    log = EventLog(folder.events)
    placement = claimed.placement
    # Some tests of executors have no dispatcher, and so no placement.
    attempt, token, device = (placement.attempt, placement.token, placement.device) if placement else (1, "", "cpu")
    write_stamp(folder.worker_stamp, attempt=attempt, events_offset=folder.events.stat().st_size)
    log(worker_started(at=time.time(), pid=os.getpid(), token=token, device=device))
    log(declared("r"))
    log(epoch("r", attempt))

    def wait_for_stop() -> None:
        while not stops and not folder.stop_request.exists():
            time.sleep(0.02)

    def end(outcome: str, reason: str = "", failure: Failure = "") -> None:
        log(WorkerEnded(at=time.time(), outcome=outcome, reason=reason, failure=failure, token=token))
        log.close()
        sys.exit(0)

    if behaviour == "fails":
        end("failed", "The data are not there.", "missing-data")
    if behaviour.startswith("fails-once-by-") and attempt == 1:
        end("failed", "It did not suffice.", behaviour.removeprefix("fails-once-by-"))  # type: ignore[arg-type]
    if behaviour.startswith("fails-by-"):
        end("failed", "It did not suffice.", behaviour.removeprefix("fails-by-"))  # type: ignore[arg-type]
    if behaviour == "claims":
        end("succeeded")
    if behaviour == "freezes-once" and attempt == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    if behaviour == "dies" or (behaviour == "dies-once" and attempt == 1):
        with folder.events.open("ab") as file:
            file.write(b'{"kind": "half a li')
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "waits":
        wait_for_stop()
        log(finished("r", state="stopped"))
        end("cancelled", "Stopped.")
    if behaviour == "stubborn":
        # A child of its own, as a data loader would be, that must not be left behind.
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        (folder.path / "child.pid").write_text(str(child.pid))
        while True:
            with suppress(InterruptedError):
                time.sleep(60)
    if behaviour == "works-until-told":
        while not (folder.path / "go-on").exists():
            time.sleep(0.02)
    log(finished("r"))
    folder.run("r").path.mkdir(parents=True, exist_ok=True)
    folder.run("r").result.write_text("{}")
    end("succeeded")


if __name__ == "__main__":
    main(ExperimentFolder(Path(sys.argv[1])))
