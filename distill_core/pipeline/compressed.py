"""Keeps compressed runs: each is an ONNX file from the start, and its figures are that file's answers."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from safetensors.torch import save
from torch import nn

from distill_core.compression.layers import count_zeros
from distill_core.compression_step import CompressionRefused
from distill_core.deployment.bundle import write_test_samples
from distill_core.deployment.onnx_export import ReadyGraphs, export_onnx, graph_digest, is_quantized
from distill_core.deployment.parity import compare, onnx_logits
from distill_core.deployment.profile import profile
from distill_core.events import LayerZeros, Noted, RunState
from distill_core.folders import read_json, write_bytes, write_json
from distill_core.pipeline.context import Context
from distill_core.pipeline.keeping import Keeper
from distill_core.planned import PlannedRun, digest
from distill_core.training.checkpoint import remove_checkpoints
from distill_core.training.cohort import predict
from distill_core.training.normaliser import Normaliser
from distill_core.training.preparation import Checked


class Compressed:
    """Writes the folders of compressed runs and tells their figures."""

    def __init__(self, checked: Checked, context: Context, keeper: Keeper) -> None:
        self._checked, self._context, self._keeper = checked, context, keeper
        self._ready = ReadyGraphs()

    def refuse(self, run: PlannedRun, sentence: str) -> None:
        """A run that cannot be made; nothing else is lost, and what it had before is no more."""
        place = self._context.folder.run(run.run_id)
        for stale in (
            place.model, place.onnx, place.onnx_result, place.compression, place.test_logits, place.test_samples,
            place.latency,
        ):
            stale.unlink(missing_ok=True)
        remove_checkpoints(place)
        self._write_result(run, state="refused", rule=sentence)
        self._context.emit(Noted(at=self._context.clock(), text=f"{run.name}: {sentence}", level="warning"))
        self._keeper.tell(run)

    def float_file(self, run: PlannedRun) -> Path:
        """The ONNX file of a run's network, exported now if it was not. Raises ExportError."""
        place = self._context.folder.run(run.run_id)
        if not place.onnx_result.exists():
            # Whoever ships this run exports it again beside its parity; this file is only what others are made of.
            self._export(run, self._keeper.network(run), place.onnx)
        return place.onnx

    def keep_network(
        self, run: PlannedRun, network: nn.Module, *, rule: str, seconds: float, state: RunState = "finished",
        best_epoch: int = 0, stopped_epoch: int = 0, notes: Sequence[str] = (),
    ) -> None:
        """Keep a changed network with its file, provided that the file answers as the network does.

        Raises CompressionRefused if it does not, ExportError.
        """
        place, data = self._context.folder.run(run.run_id), self._checked.data
        tensors = {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}
        own = predict(network, data.test_inputs, Normaliser(data, self._checked.device)).float().cpu().numpy()
        self._export(run, network, place.onnx)
        raw = self._raw_answers(place.onnx)
        parity = compare(
            raw, data.test_inputs.numpy(), own, signature=data.signature, label_mean=data.label_mean,
            label_std=data.label_std,
        )
        if not parity.holds:
            place.onnx.unlink()
            raise CompressionRefused(
                f"Its ONNX file does not answer as the network does (logits differ by up to {parity.max_abs_diff:.2g}, "
                f"allowed {parity.tolerance:.2g}); please report the architecture."
            )
        self._context.fence()
        write_bytes(place.model, save(tensors))
        figures = profile(network, signature=self._checked.signature)
        zeros = [LayerZeros(layer=name, weights=weights, zeros=none) for name, (weights, none) in
                 count_zeros(network).items()]
        sizes = {"parameters": figures.parameters, "macs": figures.macs, "size_bytes": figures.size_bytes}
        facts = {
            "max_abs_diff": parity.max_abs_diff, "same_class": parity.same_class, "total": parity.total,
        }
        self._keep(run, self._standardised(raw), sizes, zeros, facts, notes)
        self._write_result(
            run, state=state, rule=rule, seconds=seconds, best_epoch=best_epoch, stopped_epoch=stopped_epoch
        )
        if state == "finished":
            remove_checkpoints(place)
        self._keeper.tell(run)

    def keep_file(
        self, run: PlannedRun, parent: PlannedRun, source: Path, *, rule: str, seconds: float, notes: Sequence[str] = ()
    ) -> None:
        """Keep a file that was made of another, told how its answers differ from that one's."""
        place, data = self._context.folder.run(run.run_id), self._checked.data
        before, after = (self._standardised(self._raw_answers(path)) for path in (source, place.onnx))
        if not np.isfinite(after).all():
            place.onnx.unlink()
            raise CompressionRefused(
                "The made file answers with numbers that are not finite; its range is too small for this network."
            )
        network = self._keeper.network(parent)
        figures = profile(network, signature=self._checked.signature)
        sizes = {"parameters": figures.parameters, "macs": figures.macs, "size_bytes": weight_bytes(place.onnx)}
        same = (before.argmax(-1) == after.argmax(-1)) if data.task != "regression" else np.isclose(before, after)
        facts = {
            "max_abs_diff": float(np.abs(before - after).max()), "same_class": int(same.sum()), "total": int(same.size),
        }
        zeros = [LayerZeros.model_validate(layer) for layer in self._layers_of(parent)]
        self._keep(run, after, sizes, zeros, facts, notes)
        self._write_result(run, state="finished", rule=rule, seconds=seconds)
        self._keeper.tell(run)

    def _layers_of(self, parent: PlannedRun) -> list[dict[str, Any]]:
        report = self._context.folder.run(parent.run_id).compression
        layers: list[dict[str, Any]] = read_json(report)["layers"] if report.exists() else []
        return layers

    def _keep(
        self, run: PlannedRun, answers: NDArray[np.float32], sizes: dict[str, int], zeros: list[LayerZeros],
        facts: dict[str, Any], notes: Sequence[str],
    ) -> None:
        """What every compressed run has: its file's answers to the test set, samples of them, its sizes."""
        place, data = self._context.folder.run(run.run_id), self._checked.data
        buffer = io.BytesIO()
        np.save(buffer, answers)
        self._context.fence()
        write_bytes(place.test_logits, buffer.getvalue())
        write_test_samples(
            place.test_samples, data.test_inputs.numpy(), data.test_labels.numpy(), answers, signature=data.signature,
            words=data.words, splitting=data.splitting, label_mean=data.label_mean, label_std=data.label_std,
            quantized=is_quantized(place.onnx),
        )
        content = place.onnx.read_bytes()
        write_json(place.compression, {
            **sizes, "zipped_bytes": len(zlib.compress(content)), "layers": [one.model_dump() for one in zeros],
            "notes": list(notes), "step": run.compression.choice.model_dump(mode="json") if run.compression else None,
        })
        write_json(place.onnx_result, {**facts, "size_bytes": len(content), "graph": graph_digest(place.onnx)})

    def _raw_answers(self, path: Path) -> NDArray[np.float32]:
        """What a file answers to the whole test set."""
        data = self._checked.data
        return onnx_logits(path, data.test_inputs.numpy(), signature=data.signature)

    def _standardised(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """A file's answers as networks give them: of a regression standardised."""
        data = self._checked.data
        if data.label_mean:
            raw = (raw - np.asarray(data.label_mean)) / np.asarray(data.label_std)
        return raw.astype(np.float32)

    def _export(self, run: PlannedRun, network: nn.Module, path: Path) -> None:
        data = self._checked.data
        shapes = digest([[name, list(value.shape)] for name, value in network.state_dict().items()])
        export_onnx(
            network, path, signature=data.signature, mean=data.mean, std=data.std, label_mean=data.label_mean,
            label_std=data.label_std, ready=self._ready, key=f"{run.architecture.model_dump_json()} {shapes}",
        )

    def _write_result(
        self, run: PlannedRun, *, state: RunState, rule: str, seconds: float = 0.0, best_epoch: int = 0,
        stopped_epoch: int = 0,
    ) -> None:
        self._context.fence()
        write_json(self._context.folder.run(run.run_id).result, {
            "state": state, "stop_rule": rule, "best_epoch": best_epoch, "stopped_epoch": stopped_epoch,
            "seconds": seconds, "curve": self._keeper.curve(run.run_id),
        })


def weight_bytes(path: Path) -> int:
    """Bytes of all stored tensors of an ONNX file."""
    model = onnx.load(path)
    return sum(onnx.numpy_helper.to_array(tensor).nbytes for tensor in model.graph.initializer)
