"""Keeps the outcome of each run: weights, test logits, figures and curve, in the run's folder."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from safetensors.torch import load_file, save
from torch import nn

from distill_core.evaluation.figures import evaluate
from distill_core.event_log import read_events
from distill_core.events import (
    Emit,
    EpochEnded,
    Event,
    OnnxExported,
    RunChanged,
    RunCompressed,
    RunFinished,
    RunState,
    to_plain,
)
from distill_core.folders import ExperimentFolder, read_json, write_bytes, write_json
from distill_core.pipeline.context import Context
from distill_core.planned import PlannedRun
from distill_core.training.assembly import load_network
from distill_core.training.candidate import Candidate
from distill_core.training.checkpoint import remove_checkpoints
from distill_core.training.cohort import Surroundings, predict
from distill_core.training.preparation import Checked
from distill_core.training.stopping import UNTRAINED


def tell_file(run: PlannedRun, folder: ExperimentFolder, *, emit: Emit, at: float) -> None:
    """Emit what is known of a run's ONNX file."""
    place = folder.run(run.run_id)
    held = read_json(place.onnx_result)
    emit(
        OnnxExported(
            at=at, run_id=run.run_id, path=str(place.onnx.relative_to(folder.path)),
            **{name: held[name] for name in ("size_bytes", "max_abs_diff", "same_class", "total")},
        )
    )


def surroundings(context: Context, keeper: Keeper, step: str, title: str) -> Surroundings:
    """What the training of one step needs from outside; its curves and ends are kept."""

    def emit(event: Event) -> None:
        if isinstance(event, EpochEnded):
            keeper.remember(event)
        context.emit(event)

    return Surroundings(
        emit=emit,
        should_stop=context.should_stop,
        clock=context.clock,
        folder_of=context.folder.run,
        on_end=keeper.keep,
        on_progress=lambda done, total: context.step(step, title, "running", done=done, total=total),
        checkpoint_seconds=context.checkpoint_seconds,
        fence=context.fence,
        leader=context.leader,
        keeps_answers=True,
        told=context.told,
    )


class Keeper:
    """Writes and reads the run folders of one experiment."""

    def __init__(
        self, checked: Checked, folder: ExperimentFolder, *, emit: Emit, clock: Callable[[], float],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self.checked, self.folder, self.emit, self.clock, self.fence = checked, folder, emit, clock, fence
        self.labels = checked.data.test_labels.numpy()
        self._curves: dict[str, dict[int, EpochEnded]] = {}
        # A resumed run's curve began in an earlier process.
        for event, _ in read_events(folder.events):
            if isinstance(event, EpochEnded):
                self.remember(event)

    @property
    def reusable(self) -> frozenset[str]:
        """Names of the files that another experiment may take over."""
        run = self.folder.run("any")
        return frozenset(
            path.name for path in (
                run.model, run.result, run.test_logits, run.onnx, run.onnx_result, run.test_samples, run.compression,
                run.sensitivity, run.epoch_answers,
            )
        )

    def remember(self, event: EpochEnded) -> None:
        self._curves.setdefault(event.run_id, {})[event.epoch] = event

    def curve(self, run_id: str) -> list[dict[str, Any]]:
        """The run's epochs so far as JSON."""
        return [to_plain(event) for _, event in sorted(self._curves.get(run_id, {}).items())]

    def state(self, run_id: str) -> RunState | None:
        """How a run ended, or None while it has not."""
        path = self.folder.run(run_id).result
        return read_json(path)["state"] if path.exists() else None

    def network(self, run: PlannedRun) -> nn.Module:
        """The kept network, in eval mode on the experiment's device."""
        return load_network(self.checked, run, load_file(self.folder.run(run.run_id).model))

    def logits(self, run_id: str) -> np.ndarray | None:
        """Test logits float32 [N,K] of a kept run."""
        path = self.folder.run(run_id).test_logits
        return np.load(path, allow_pickle=False) if path.exists() else None

    def _teacher_logits(self) -> np.ndarray | None:
        """What the students imitate, on the test data: the mean of all teachers."""
        found = [self.logits(run.run_id) for run in self.checked.plan.teachers]
        known = [logits for logits in found if logits is not None]
        if len(known) < len(found):
            return None
        return np.average(known, axis=0, weights=[teacher.weight for teacher in self.checked.spec.teachers])

    def keep(self, candidate: Candidate) -> None:
        """Evaluate an ended run on the test data, keep everything, and tell its figures."""
        run, stop = candidate.run, candidate.progress.stop
        assert stop is not None
        place = self.folder.run(run.run_id)
        self.fence()
        for stale in (place.onnx, place.onnx_result, place.latency, place.test_samples):
            # Exports of the weights of an earlier stop.
            stale.unlink(missing_ok=True)
        usable = candidate.best.epoch > 0 or stop.state == "stopped" or stop is UNTRAINED
        if usable:
            logits = predict(candidate.model, self.checked.data.test_inputs, candidate.stream.normalise)
            buffer = io.BytesIO()
            np.save(buffer, logits.float().cpu().numpy())
            state = {
                name: value.detach().cpu().contiguous().clone() for name, value in candidate.model.state_dict().items()
            }
            # Evaluating took its time.
            self.fence()
            write_bytes(place.model, save(state))
            write_bytes(place.test_logits, buffer.getvalue())
        if candidate.diary is not None:
            candidate.diary.write(place, fence=self.fence)
        write_json(
            place.result,
            {
                "state": stop.state,
                "stop_rule": stop.rule,
                "best_epoch": candidate.best.epoch,
                "stopped_epoch": candidate.progress.epoch,
                "seconds": candidate.progress.seconds,
                "curve": self.curve(run.run_id),
            },
        )
        if stop.state == "finished":
            # Only resuming needs it, and a finished run is not resumed; a diverged one may be inspected.
            remove_checkpoints(place)
        self.tell(run)

    def tell(self, run: PlannedRun) -> None:
        """Emit the figures of a kept run, and its curve if it was trained elsewhere."""
        result: dict[str, Any] = read_json(self.folder.run(run.run_id).result)
        origin = result.get("reused_from", "")
        if origin:
            self.emit(RunChanged(at=self.clock(), run_id=run.run_id, state="reused", reused_from=origin))
            for point in result["curve"]:
                event = EpochEnded.model_validate(point)
                if run.run_id not in self._curves or event.epoch not in self._curves[run.run_id]:
                    self.remember(event)
                    self.emit(event)
        place = self.folder.run(run.run_id)
        if place.compression.exists():
            # Its step is in the spec; the file has it for the bundle.
            made = {name: value for name, value in read_json(place.compression).items() if name != "step"}
            self.emit(RunCompressed(at=self.clock(), run_id=run.run_id, **made))
            tell_file(run, self.folder, emit=self.emit, at=self.clock())
        logits, nan = self.logits(run.run_id), float("nan")
        common: dict[str, Any] = {
            "at": self.clock(),
            "run_id": run.run_id,
            "state": "reused" if origin else result["state"],
            **{name: result[name] for name in ("best_epoch", "stopped_epoch", "stop_rule", "seconds")},
        }
        if logits is None:
            self.emit(RunFinished(**common, accuracy=nan, nll=nan, ece=nan))
            return
        teacher = None if run.role == "teacher" else self._teacher_logits()
        figures = evaluate(logits, self.labels, teacher, task=self.checked.data.task)
        self.emit(RunFinished(**common, **figures.for_event()))
