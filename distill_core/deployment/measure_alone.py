"""Measures how long the model beside this file takes on this machine; needs only onnxruntime and numpy.

    python measure.py --batch 1 32 --threads 1 4

It prints a table and writes a JSON file, which the latency lab of Distill Lab shows beside those of other machines.
`python measure.py --help` tells all options.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from distill_core.deployment.measuring import (
    CPU,
    CannotMeasure,
    answer_probe,
    digest_of,
    measure_models,
    providers_here,
    report,
)
from distill_core.processor import available_cores, cpu_model

_LARGEST_BATCH, _MOST_THREADS, _MOST_REPEATS, _LONGEST_MACHINE = 4096, 1024, 10_000, 120


def main(arguments: Sequence[str] | None = None) -> int:
    """0: measured and written; 1: could not be measured, which a sentence on standard error explains."""
    asked = _parser().parse_args(arguments)
    if asked.probe:
        print(json.dumps(answer_probe(json.loads(asked.probe))))
        return 0
    graph = asked.bundle / "model.onnx"
    cores = available_cores()
    machine = asked.machine.strip() or f"{cpu_model()}, {cores} core{'' if cores == 1 else 's'}"
    try:
        digest = digest_of(graph)
        cells = measure_models(
            {digest: graph}, {digest: asked.bundle / "test_samples.npz"}, provider=asked.provider, batches=asked.batch,
            threads=asked.threads, io_binding=asked.io_binding, warmup=asked.warmup, repeats=asked.repeats,
            longest_seconds=asked.longest, on_progress=_tell,
        )
        told = report(cells or [], {digest: graph}, machine=machine[:_LONGEST_MACHINE], warmup=asked.warmup)
        out = asked.out or Path(f"latency-{_slug(machine)}.json")
        out.write_text(json.dumps(told, allow_nan=False) + "\n", encoding="utf-8")
    except (CannotMeasure, OSError) as error:
        print(f"Not measured: {error}", file=sys.stderr)
        return 1
    # ONNX Runtime raises a class of its own for each kind of trouble, without a common public base.
    except Exception as error:
        print(f"Not measured: {str(error).strip().splitlines()[0][:300]}", file=sys.stderr)
        return 1
    print(f"{machine}, ONNX Runtime {onnxruntime.__version__}")
    print(table(told["cells"]))
    print(f"Written to {out}; add it on the page Latency lab.")
    return 0


def table(cells: Sequence[dict[str, Any]]) -> str:
    """The figures in columns; a dash where the system does not tell."""
    head = ["batch", "threads", "p50 ms", "p95 ms", "p99 ms", "samples/s", "start ms", "memory MB"]
    rows = [
        [
            str(cell["batch"]), str(cell["threads"]), *(f"{cell[name]:.4g}" for name in ("p50_ms", "p95_ms", "p99_ms")),
            f"{cell['samples_per_second']:,.0f}", "-" if cell["start_ms"] is None else f"{cell['start_ms']:.1f}",
            "-" if cell["memory_bytes"] is None else f"{cell['memory_bytes'] / 1e6:.1f}",
        ]
        for cell in cells
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = ["  ".join(text.rjust(width) for text, width in zip(row, widths)) for row in [head, *rows]]  # noqa: B905
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measures the latency of the ONNX model beside this file.")
    parser.add_argument("--batch", type=_whole(_LARGEST_BATCH), nargs="+", default=[1], help="samples in one call")
    parser.add_argument(
        "--threads", type=_whole(_MOST_THREADS, least=0), nargs="+", default=[1], help="0 means all cores"
    )
    parser.add_argument("--repeats", type=_whole(_MOST_REPEATS), default=1000, help="timed calls, at least 20")
    parser.add_argument("--warmup", type=_whole(_MOST_REPEATS), default=10, help="calls before those that are timed")
    parser.add_argument("--longest", type=float, default=5.0, metavar="SECONDS", help="then fewer repeats are enough")
    parser.add_argument("--provider", choices=providers_here(), default=CPU)
    parser.add_argument("--io-binding", action="store_true", help="leave out copies to and from the provider's memory")
    parser.add_argument("--machine", default="", metavar="NAME", help="what charts call this machine")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the JSON file; default: named after the machine")
    parser.add_argument("--bundle", type=Path, default=Path(__file__).resolve().parent, help="another bundle's folder")
    parser.add_argument("--probe", default="", help=argparse.SUPPRESS)
    return parser


def _whole(most: int, *, least: int = 1) -> Any:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number from {least} to {most}")
        return int(text)

    return number


def _tell(done: int, total: int, what: str) -> None:
    print(f"[{done}/{total}] {what}", file=sys.stderr, flush=True)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "machine"


if __name__ == "__main__":
    raise SystemExit(main())
