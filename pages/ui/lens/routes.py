"""Sends the lens its data: samples and final logits as JSON, the logits by epoch as a block of numbers."""

from __future__ import annotations

import base64
import gzip
import json
import re
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from distill_core.charts.names import plain_name
from distill_core.charts.variants import series_styles
from distill_core.lens import LensNetwork, LensView
from pages.ui.refusals import refusal_of
from pages.ui.session import lab_of

KNOWN_ID = re.compile(r"[a-z0-9-]{1,64}")
PARTS = ("samples", "epochs")
LARGEST_EPOCHS_BYTES = 2**20
"""Of the numbers of all epochs; of many classes fewer epochs are sent."""
STEPS = 32_000
"""Logits by epoch are sent as whole numbers up to this; the largest of a network is one `scale`."""
NOT_A_NUMBER = -32_768
_LONGEST_NAME, _LONGEST_TEXT = 48, 280


def lens(request: Request) -> Response:
    """GET /lab/lens/<experiment>?seed=&part=: see `samples_of` and `epochs_of`; gzip, revalidated by ETag."""
    experiment_id = request.path_params["experiment_id"]
    seed, part = request.query_params.get("seed", ""), request.query_params.get("part", "samples")
    if not KNOWN_ID.fullmatch(experiment_id):
        return _refusal(404, {"error": "There is no such experiment."})
    if not re.fullmatch(r"\d{0,10}", seed):
        return _refusal(400, {"error": "seed must be a whole number, or left out."})
    if part not in PARTS:
        return _refusal(400, {"error": f"part must be one of: {', '.join(PARTS)}."})
    try:
        view = lab_of(request).lens.of(experiment_id, seed=int(seed) if seed else None)
        packed = _packed(Packing(view), part)
    except Exception as error:
        return _refusal(*refusal_of(error, failed="The lens's data could not be read"))
    headers = {"ETag": f'"{part}-{view.stamp}"', "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    kind = "application/json" if part == "samples" else "application/octet-stream"
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type=kind, headers=headers | {"Content-Encoding": "gzip"})
    return Response(gzip.decompress(packed), media_type=kind, headers=headers)


class Packing:
    """A view that is known by its stamp, so that it is packed once."""

    def __init__(self, view: LensView) -> None:
        self.view = view

    def __hash__(self) -> int:
        return hash(self.view.stamp)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packing) and other.view.stamp == self.view.stamp


@lru_cache(maxsize=8)
def _packed(packing: Packing, part: str) -> bytes:
    view = packing.view
    content = epochs_of(view) if part == "epochs" else json.dumps(
        samples_of(view), separators=(",", ":"), allow_nan=False
    ).encode()
    return gzip.compress(content, 6, mtime=0)


def samples_of(view: LensView) -> dict[str, Any]:
    """Plain JSON. Logits are null where they are no numbers; names are plain text, to be set as text.

    {"seed", "seeds", "classes", "withheld": places, "samples": [{"row", "label", "picture": a data URL, "crisp",
    "text"}], "networks": [{"id", "name", "role", "colour": {theme: colour}, "temperature", "best", "final": [N][K],
    "epochs": those that `epochs_of` has, "scale"}]}
    """
    runs = view.experiment.runs
    looks = {"light": series_styles(runs, "light"), "dark": series_styles(runs, "dark")}
    return {
        "seed": view.seed, "seeds": view.seeds, "withheld": view.withheld,
        "classes": [plain_name(name, _LONGEST_NAME) for name in view.experiment.class_names],
        "samples": [
            {
                "row": sample.row, "label": sample.label, "text": plain_name(sample.text, _LONGEST_TEXT)
                if sample.text else "",
                "picture": "" if sample.picture is None else _data_url(
                    sample.picture.content, sample.picture.media_type
                ),
                "crisp": sample.picture is not None and sample.picture.crisp,
            }
            for sample in view.samples
        ],
        "networks": [
            {
                "id": one.run.run_id, "name": plain_name(one.run.name, _LONGEST_NAME), "role": one.run.role,
                "colour": {theme: style[one.run.run_id]["color"] for theme, style in looks.items()},
                "temperature": one.temperature, "best": one.run.best_epoch, "final": _rounded(one.final),
                "epochs": [one.epochs[place] for place in sent_epochs(view, one)], "scale": scale_of(one),
            }
            for one in view.networks
        ],
    }


def epochs_of(view: LensView) -> bytes:
    """Each network's logits by epoch as int16 [E,N,K], little-endian, one network after the other.

    They are centred on each sample's middle, which changes no soft label, and in units of the network's `scale`.
    """
    parts = []
    for one in view.networks:
        centred = _centred(one.by_epoch[sent_epochs(view, one)])
        steps = np.where(np.isfinite(centred), np.round(centred / scale_of(one) * STEPS), NOT_A_NUMBER)
        parts.append(steps.astype("<i2").tobytes())
    return b"".join(parts)


def sent_epochs(view: LensView, one: LensNetwork) -> list[int]:
    """Places of the epochs that are sent: all, or evenly as many as fit, the first and the last among them."""
    rest = len(view.networks) - 1
    room = LARGEST_EPOCHS_BYTES // max(1, 2 * one.final.size * rest)
    count = min(len(one.epochs), max(2, room))
    return np.unique(np.linspace(0, len(one.epochs) - 1, count).round().astype(int)).tolist() if count else []


def scale_of(one: LensNetwork) -> float:
    """The largest centred logit of all epochs; 1 where there is none."""
    centred = _centred(one.by_epoch)
    finite = np.abs(centred[np.isfinite(centred)])
    return float(finite.max()) or 1.0 if finite.size else 1.0


def _centred(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    values = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = values - (values.max(axis=-1, keepdims=True) + values.min(-1, keepdims=True)) / 2
    return found


def _rounded(logits: NDArray[np.float32]) -> list[list[float | None]]:
    return [
        [round(value, 4) if known else None for value, known in zip(row.tolist(), np.isfinite(row), strict=True)]
        for row in logits
    ]


def _data_url(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _refusal(status: int, body: dict[str, str]) -> Response:
    return Response(
        json.dumps(body), status_code=status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )
