"""Plug-ins: loss terms, one file each, pure functions of tensors."""

from distill_core.entries import LossEntry, discover
from distill_core.losses.attention_transfer import attention_transfer
from distill_core.losses.correlation import correlation
from distill_core.losses.cross_entropy import cross_entropy, label_smoothing
from distill_core.losses.dist import dist
from distill_core.losses.dkd import dkd
from distill_core.losses.hint import hint
from distill_core.losses.kd import kd
from distill_core.losses.mse_logits import mse_logits
from distill_core.losses.parameter_distance import parameter_distance
from distill_core.losses.relational_angle import relational_angle
from distill_core.losses.relational_distance import relational_distance
from distill_core.losses.similarity_preserving import similarity_preserving
from distill_core.losses.soft_cross_entropy import soft_cross_entropy
from distill_core.losses.squared_error import squared_error
from distill_core.losses.standardised_kd import standardised_kd
from distill_core.losses.vid import vid

# The exported functions hide the modules of the same name; discover() imports those by their full names.
REGISTRY = discover("loss", __name__, __path__, LossEntry)

__all__ = [
    "REGISTRY",
    "attention_transfer",
    "correlation",
    "cross_entropy",
    "dist",
    "dkd",
    "hint",
    "kd",
    "label_smoothing",
    "mse_logits",
    "parameter_distance",
    "relational_angle",
    "relational_distance",
    "similarity_preserving",
    "soft_cross_entropy",
    "squared_error",
    "standardised_kd",
    "vid",
]
