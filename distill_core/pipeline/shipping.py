"""Exports runs to ONNX, proves each export against torch, then measures latency, one graph once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from distill_core.deployment.bundle import write_test_samples
from distill_core.deployment.latency import measure
from distill_core.deployment.machine import machine_name
from distill_core.deployment.onnx_export import ReadyGraphs, export_onnx, graph_digest
from distill_core.deployment.parity import Parity, check_parity
from distill_core.events import Emit, LatencyMeasured, LatencyRow, Noted, StepChanged
from distill_core.folders import ExperimentFolder, RunFolder, read_json, write_json
from distill_core.pipeline.keeping import Keeper, tell_file
from distill_core.planned import PlannedRun
from distill_core.processes import lock_held
from distill_core.training.preparation import Checked

EXPORT_TITLE, LATENCY_TITLE = "ONNX export and parity", "ONNX latency"


def ship(
    checked: Checked,
    folder: ExperimentFolder,
    keeper: Keeper,
    *,
    request: Mapping[str, Any],
    emit: Emit,
    should_stop: Callable[[], bool],
    clock: Callable[[], float],
) -> None:
    """Export the teacher, one run of each variant and those requested; a stop ends it between two graphs.

    Only what gives PyTorch's answers is measured and offered.
    """
    runs = [run for run in _chosen(checked, request) if _is_kept(folder.run(run.run_id))]
    ready = ReadyGraphs()
    for number, run in enumerate(runs):
        if should_stop():
            return
        emit(StepChanged(at=clock(), step="export", title=EXPORT_TITLE, state="running", done=number, total=len(runs)))
        _export(checked, folder, keeper, run, ready=ready, emit=emit, clock=clock)
    state = "finished" if runs else "skipped"
    emit(StepChanged(at=clock(), step="export", title=EXPORT_TITLE, state=state, done=len(runs), total=len(runs)))
    exported = [run for run in runs if folder.run(run.run_id).onnx_result.exists()]
    keeper.fence()
    _measure(checked, folder, exported, emit=emit, should_stop=should_stop, clock=clock)


def _chosen(checked: Checked, request: Mapping[str, Any]) -> list[PlannedRun]:
    asked = set(request.get("export", ()))
    first = checked.plan.cohorts[0].runs
    others = [run for cohort in checked.plan.cohorts[1:] for run in cohort.runs if run.run_id in asked]
    seeds = {checked.plan.teacher.seed, first[0].seed}
    small = [run for run in checked.plan.compressed if run.seed in seeds or run.run_id in asked]
    return [checked.plan.teacher, *first, *others, *small]


def _is_kept(place: RunFolder) -> bool:
    """A trained network, or a compressed one, which is a file from the start."""
    return place.model.exists() or place.onnx_result.exists()


def _export(
    checked: Checked,
    folder: ExperimentFolder,
    keeper: Keeper,
    run: PlannedRun,
    *,
    ready: ReadyGraphs,
    emit: Emit,
    clock: Callable[[], float],
) -> None:
    place, data = folder.run(run.run_id), checked.data
    if not place.onnx_result.exists():
        logits = keeper.logits(run.run_id)
        assert logits is not None
        keeper.fence()
        size = export_onnx(
            keeper.network(run),
            place.onnx,
            signature=data.signature,
            mean=data.mean,
            std=data.std,
            label_mean=data.label_mean,
            label_std=data.label_std,
            ready=ready,
            # The signature is the same for all runs of an experiment.
            key=run.architecture.model_dump_json(),
        )
        inputs, labels = data.test_inputs.numpy(), data.test_labels.numpy()
        parity = check_parity(
            place.onnx, inputs, logits, signature=data.signature, label_mean=data.label_mean, label_std=data.label_std
        )
        if not parity.holds:
            place.onnx.unlink()
            _tell_unequal(run, parity, emit=emit, at=clock())
            return
        write_test_samples(
            place.test_samples, inputs, labels, logits, signature=data.signature, words=data.words,
            splitting=data.splitting, label_mean=data.label_mean, label_std=data.label_std,
        )
        write_json(
            place.onnx_result,
            {
                "size_bytes": size,
                "max_abs_diff": parity.max_abs_diff,
                "same_class": parity.same_class,
                "total": parity.total,
                "graph": graph_digest(place.onnx),
            },
        )
    tell_file(run, folder, emit=emit, at=clock())


def _tell_unequal(run: PlannedRun, parity: Parity, *, emit: Emit, at: float) -> None:
    text = (
        f"The ONNX export of {run.name} (seed {run.seed}) does not answer as PyTorch does: logits differ by up to "
        f"{parity.max_abs_diff:.2g}, allowed {parity.tolerance:.2g}; {parity.same_class} of {parity.total} test "
        "samples keep their class. It is neither measured nor offered; please report the architecture."
    )
    emit(Noted(at=at, text=text, level="warning"))


def _measure(
    checked: Checked,
    folder: ExperimentFolder,
    runs: list[PlannedRun],
    *,
    emit: Emit,
    should_stop: Callable[[], bool],
    clock: Callable[[], float],
) -> None:
    """Measure each distinct graph once, all of them interleaved, and give its rows to every run that has it."""
    spec = checked.spec.latency
    by_graph: dict[str, list[PlannedRun]] = {}
    for run in runs:
        by_graph.setdefault(read_json(folder.run(run.run_id).onnx_result)["graph"], []).append(run)
    missing = {
        graph: members
        for graph, members in by_graph.items()
        if not any(folder.run(run.run_id).latency.exists() for run in members)
    }
    cells = len(missing) * len(spec.batches) * len(spec.threads)
    if missing:
        emit(StepChanged(at=clock(), step="latency", title=LATENCY_TITLE, state="running", done=0, total=cells))
        waits = Noted(at=clock(), text="Latency waits until nothing else of ours keeps the processor busy.")
        with (
            lock_held(folder.home.processor_lock, should_stop=should_stop, on_wait=lambda: emit(waits)),
            lock_held(folder.home.measuring_lock, should_stop=should_stop),
        ):
            # Told to stop while waiting, it comes here without the locks, and measures nothing.
            rows = measure(
                {graph: folder.run(members[0].run_id).onnx for graph, members in missing.items()},
                batches=spec.batches,
                threads=spec.threads,
                warmup=spec.warmup,
                repeats=spec.repeats,
                signature=checked.data.signature,
                machine=machine_name(),
                should_stop=should_stop,
            )
        if should_stop():
            return
        for graph, members in missing.items():
            content = {"rows": [row.model_dump(mode="json") for row in rows[graph]]}
            write_json(folder.run(members[0].run_id).latency, content)
    for members in by_graph.values():
        source = next(run for run in members if folder.run(run.run_id).latency.exists())
        measured = tuple(LatencyRow.model_validate(row) for row in read_json(folder.run(source.run_id).latency)["rows"])
        for run in members:
            shared = "" if run is source else source.run_id
            emit(LatencyMeasured(at=clock(), run_id=run.run_id, rows=measured, shared_from=shared))
    emit(
        StepChanged(
            at=clock(),
            step="latency",
            title=LATENCY_TITLE,
            state="finished" if runs else "skipped",
            done=cells,
            total=cells,
        )
    )
