"""Where each network looked for its answer, on a few test images on which the students differ, if they do."""

from __future__ import annotations

import base64
import io

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from distill_core.examination.bench import Bench, Examinee
from distill_core.examination.cam import LEAST_SIDE, grad_cam, map_layer
from distill_core.examination.layers import label_of
from distill_core.examination.rollout import has_class_token, rollout
from distill_core.examined import Attention, Look, Subject

SUBJECTS = 6
_OF_EACH = 2
_AMONG = 500
_MOST_SIDE = 224


def units(bench: Bench) -> int:
    return 1 + len(bench.networks)


def examine(bench: Bench) -> Attention | None:
    """Grad-CAM of convolutional networks, attention rollout of vision transformers; None if stopped."""
    data = bench.data
    if data.kind != "image" or data.task != "classification":
        return Attention(**bench.common(absent="Only images that are put into classes have places to look at."))
    networks = bench.networks
    among = bench.rows(min(_AMONG, bench.affordable(1, most=_AMONG)))
    raw = bench.normalise.raw(data.test_inputs[among])
    answers = {one.facts.run_id: one.ask(raw).argmax(1) for one in networks}
    chosen = among[_telling(bench, answers, data.test_labels[among])]
    if not bench.go_on():
        return None
    pictures = bench.normalise.raw(data.test_inputs[chosen]).float()
    looks: dict[str, list[Look]] = {}
    layers: dict[str, str] = {}
    missing: dict[str, str] = {}
    for one in networks:
        run_id = one.facts.run_id
        logits = one.ask(pictures)
        said, sure = logits.argmax(1), logits.double().softmax(1).amax(1)
        heat, layer = _heat(bench, one, pictures, said)
        if heat is None:
            missing[run_id] = layer
        else:
            layers[run_id] = layer
        looks[run_id] = [
            Look(
                run_id=run_id, answer=int(said[number]), confidence=round(float(sure[number]), 4),
                heat="" if heat is None else _heat_png(heat[number], pictures.shape[-2:]),
            )
            for number in range(len(chosen))
        ]
        if not bench.go_on():
            return None
    return Attention(
        **bench.common(samples=len(chosen)), layers=layers, missing=missing,
        subjects=tuple(
            Subject(
                row=int(row), label=int(data.test_labels[row]), picture=_picture_png(pictures[number]),
                looks=tuple(looks[one.facts.run_id][number] for one in networks),
            )
            for number, row in enumerate(chosen)
        ),
    )


def _telling(bench: Bench, answers: dict[str, Tensor], labels: Tensor) -> Tensor:
    """Places of the samples to show: where one student of the pair is right and the other wrong, then any, spread."""
    right = {run_id: answer == labels for run_id, answer in answers.items()}
    chosen: list[int] = []
    if bench.pair is not None and all(run_id in right for run_id in bench.pair):
        alone, distilled = (right[run_id] for run_id in bench.pair)
        for differing in (distilled & ~alone, alone & ~distilled):
            chosen += differing.nonzero()[:, 0].tolist()[:_OF_EACH]
    rest = [place for place in range(len(labels)) if place not in set(chosen)]
    count = max(0, min(SUBJECTS - len(chosen), len(rest)))
    spread = np.linspace(0, len(rest) - 1, count).round().astype(int).tolist() if count else []
    return torch.tensor([*chosen, *(rest[place] for place in dict.fromkeys(spread))], dtype=torch.int64)


def _heat(bench: Bench, one: Examinee, pictures: Tensor, said: Tensor) -> tuple[Tensor | None, str]:
    """Heat [B,h,w] on the CPU and which layer gave it, or None and a sentence on why there is none."""
    network = one.model
    assert network is not None
    inputs = bench.normalise(pictures.to(bench.device))
    if has_class_token(network):
        heat = rollout(network, inputs)
        if heat is not None:
            return heat.float().cpu(), f"attention ({heat.shape[1]} × {heat.shape[2]})"
    found = map_layer(network, bench.signature)
    if found is None:
        return None, (
            f"It has neither a map of at least {LEAST_SIDE} × {LEAST_SIDE} places nor attention over patches."
        )
    name, (rows, columns) = found
    heat = grad_cam(network, name, inputs, said.to(bench.device)).float().cpu()
    return heat, f"{label_of(network, name)} ({rows} × {columns})"


def _heat_png(heat: Tensor, sides: torch.Size) -> str:
    """Grey 8 bits, as large as the picture, 255 where it is hottest; empty where nothing is."""
    if not bool(heat.isfinite().all()) or float(heat.max()) <= 0:
        return ""
    large = F.interpolate(heat[None, None], size=_shown(sides), mode="bilinear", align_corners=False)[0, 0]
    return _png((large / large.max().clamp(min=1e-12) * 255).round().clamp(0, 255).to(torch.uint8).numpy())


def _picture_png(picture: Tensor) -> str:
    """Of an image [C,H,W] in 0..1; of other than one or three channels their mean."""
    if tuple(picture.shape[-2:]) != _shown(picture.shape[-2:]):
        picture = F.adaptive_avg_pool2d(picture, _shown(picture.shape[-2:]))
    pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    if pixels.shape[0] == 3:
        return _png(pixels.permute(1, 2, 0).contiguous().numpy())
    return _png(pixels[0].numpy() if pixels.shape[0] == 1 else pixels.float().mean(0).to(torch.uint8).numpy())


def _shown(sides: torch.Size) -> tuple[int, int]:
    """Height and width of what is kept of a picture."""
    height, width = int(sides[0]), int(sides[1])
    share = min(1.0, _MOST_SIDE / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


def _png(pixels: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
