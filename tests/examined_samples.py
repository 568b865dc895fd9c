"""Writes examinations as a worker would have left them, of an experiment of the fixtures; no torch."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from PIL import Image

from distill_core.examined import (
    Attention,
    Cloud,
    Curve,
    Examined,
    LinePoint,
    Look,
    LossLine,
    Maps,
    Network,
    Pair,
    Robustness,
    Similarity,
    Subject,
)
from distill_core.folders import Home, write_json
from distill_core.rows import ExperimentView, RunRow

STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
LAYERS = ("0 Conv2d", "1 ReLU", "answer")


def write_examination(home: Home, view: ExperimentView, *, seed: int = 0) -> tuple[Network, ...]:
    """All five parts of the teacher, the student alone, the best distilled one and an int8 file made for it."""
    networks = networks_of(view, seed=seed)
    teacher, alone, distilled, int8 = (one.run_id for one in networks)
    common = {"digest": "d", "seed": seed, "networks": networks, "samples": 40, "seconds": 2.0}
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3
    parts: list[Examined] = [
        Robustness(**common, counted=40, curves=tuple(
            Curve(run_id=run, kind=kind, strengths=STRENGTHS, values=tuple(1 - strength for strength in STRENGTHS))
            for kind in ("noise", "occlusion") for run in (teacher, alone, distilled, int8)
        )),
        Similarity(**common, pairs=tuple(
            Pair(teacher=teacher, student=run, rows=LAYERS, columns=LAYERS,
                 values=((1.0, 0.9, None), (0.8, 0.7, 0.6), (0.5, 0.4, 0.91)))
            for run in (alone, distilled)
        )),
        Maps(
            **common, layers=dict.fromkeys((teacher, alone, distilled), "6 Flatten"), rows=tuple(range(40)),
            labels=tuple(float(number % 10) for number in range(40)),
            neighbours=dict.fromkeys((teacher, alone, distilled), 0.925),
            clouds=tuple(
                Cloud(run_id=run, method=method, explained=0.4 if method == "pca" else None, points=tuple(
                    (math.cos(number), math.sin(number)) for number in range(40)
                ))
                for run in (teacher, alone, distilled) for method in ("pca", "tsne")
            ),
        ),
        Attention(
            **common, layers={teacher: "9 ReLU (4 × 4)", distilled: "4 ReLU (4 × 4)"},
            missing={alone: "It has neither a map of at least 4 × 4 places nor attention over patches."},
            subjects=tuple(
                Subject(row=row, label=row, picture=png(pixels), looks=(
                    Look(run_id=teacher, answer=row, confidence=0.99, heat=png(pixels)),
                    Look(run_id=alone, answer=3, confidence=0.5),
                    Look(run_id=distilled, answer=row, confidence=0.7, heat=png(255 - pixels)),
                ))
                for row in (1, 2)
            ),
        ),
        LossLine(**common, alone=alone, distilled=distilled, points=tuple(
            LinePoint(a=number / 10, loss=1 - number / 20, accuracy=0.9, loss_anew=0.5, accuracy_anew=0.9)
            for number in range(11)
        )),
    ]
    for part in parts:
        place = home.experiment(view.row.experiment_id).examination(seed, part.part)
        write_json(place, part.model_dump(mode="json"))
    return networks


def networks_of(view: ExperimentView, *, seed: int) -> tuple[Network, ...]:
    """Teacher, alone, distilled and int8 of it."""
    chosen = [
        view.runs[0], next(run for run in view.runs if run.role == "baseline" and run.seed == seed),
        next(run for run in view.runs if run.role == "student" and run.seed == seed),
    ]
    found = [network_of(run) for run in chosen]
    made = found[2].model_copy(
        update={"run_id": f"{found[2].run_id}-int8", "role": "compressed", "of": found[2].run_id, "made_here": True}
    )
    return (*found, made)


def network_of(run: RunRow) -> Network:
    assert run.best_epoch is not None and run.stopped_epoch is not None
    return Network(
        run_id=run.run_id, role=run.role, name=run.name, seed=run.seed, best_epoch=run.best_epoch,
        stopped_epoch=run.stopped_epoch,
    )


def png(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()
