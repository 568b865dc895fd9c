"""Plug-ins: loss terms, one file each, pure functions of tensors."""

from distill_core.catalog import LossEntry, discover
from distill_core.losses.cross_entropy import cross_entropy
from distill_core.losses.kd import kd
from distill_core.losses.mse_logits import mse_logits

REGISTRY = discover("loss", __name__, __path__, LossEntry)

__all__ = ["REGISTRY", "cross_entropy", "kd", "mse_logits"]
