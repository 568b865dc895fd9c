"""Decoded pictures on the disk as Samples, mapped into memory when they are large."""

from __future__ import annotations

import torch

from distill_core.datasets.samples import Samples
from distill_core.ingestion.decoded import MAPPED_BYTES, DecodedImages, open_array


def stored_images(decoded: DecodedImages, *, mapped_bytes: int = MAPPED_BYTES) -> Samples:
    """Samples of kind image; inputs of `mapped_bytes` and more stay on the disk."""
    about = decoded.description()
    return Samples(
        train_inputs=torch.from_numpy(open_array(decoded.inputs("train"), mapped_bytes=mapped_bytes)),
        train_labels=torch.from_numpy(open_array(decoded.labels("train"))),
        test_inputs=torch.from_numpy(open_array(decoded.inputs("test"), mapped_bytes=mapped_bytes)),
        test_labels=torch.from_numpy(open_array(decoded.labels("test"))),
        class_names=tuple(about["class_names"]),
        mean=tuple(about["mean"]),
        std=tuple(about["std"]),
        notes=tuple(about["notes"]),
    )
