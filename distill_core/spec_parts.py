"""Parts that specs are made of: choices from the catalogue, views, optimisers and the budget of a training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator


class Frozen(BaseModel):
    """Refuses unknown fields, NaN and infinity; never changes once built."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Choice(Frozen):
    """A catalogue entry by name, with the parameters that differ from its defaults."""

    name: str = Field(min_length=1, max_length=64)
    params: dict[str, JsonValue] = Field(default_factory=dict)


class Affine(Frozen):
    """Small random rotations, scalings, shears and shifts; never flips."""

    kind: Literal["affine"] = "affine"
    rotation_degrees: float = Field(10.0, ge=0, le=180)
    scale: float = Field(0.1, ge=0, lt=1)
    shear: float = Field(0.1, ge=0, lt=1)
    shift_pixels: float = Field(0.8, ge=0, le=64)


class CropFlip(Frozen):
    """Zero-pad, crop back at random, flip left to right half the time (He et al. 2015, CIFAR)."""

    kind: Literal["crop-flip"] = "crop-flip"
    padding: int = Field(4, ge=0, le=64)
    flip: bool = True


class Views(Frozen):
    """How often and how an image is altered before a network sees it.

    `fixed_views` of K makes the clean image and K-1 altered copies once, so that the teacher
    answers each only once; None augments anew at every step.
    """

    augmentation: Annotated[Affine | CropFlip, Field(discriminator="kind")] | None = None
    fixed_views: int | None = Field(1, ge=1, le=256)

    @model_validator(mode="after")
    def _something_to_draw(self) -> Views:
        if self.augmentation is None and self.fixed_views != 1:
            raise ValueError("several views need an augmentation; set fixed_views to 1 or choose one")
        return self


class AdamW(Frozen):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"
    learning_rate: float = Field(3e-3, gt=0, le=100)
    weight_decay: float = Field(0.01, ge=0, le=10)


class Sgd(Frozen):
    """Stochastic gradient descent with Nesterov momentum."""

    kind: Literal["sgd"] = "sgd"
    learning_rate: float = Field(0.1, gt=0, le=100)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(5e-4, ge=0, le=10)


class Training(Frozen):
    """The budget of one run. `patience` and the best epoch look at validation data only."""

    epochs: int = Field(20, ge=1, le=10_000)
    steps_per_epoch: int | None = Field(
        None, ge=1, le=1_000_000, description="None: one pass over the labelled samples."
    )
    batch_size: int = Field(64, ge=1, le=65_536)
    optimizer: Annotated[AdamW | Sgd, Field(discriminator="kind")] = AdamW()
    schedule: Literal["cosine", "linear", "step", "constant"] = Field(
        "cosine", description="How the rate falls; step: to a tenth after half and after three quarters of all steps."
    )
    warmup_fraction: float = Field(0.1, ge=0, lt=1)
    patience: int | None = Field(
        None, ge=1, le=10_000, description="Stop after so many epochs without a better validation."
    )
    monitor: Literal["accuracy", "nll"] = Field(
        "accuracy", description="For a regression: accuracy stands for R2 and nll for the squared error."
    )
