"""Images as torchvision's own data sets give them: arrays in memory, a PIL image and a chain of transforms a sample."""

from __future__ import annotations

import math

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import transforms

from benchmarks.rivals.given import EVALUATION_BATCH, Budget, Given, Part


class Images(Dataset[tuple[Tensor, int]]):
    """Grey or RGB images; `transform` makes a tensor of a PIL image."""

    def __init__(self, part: Part, transform: transforms.Compose) -> None:
        self.arrays = part.images[:, 0] if part.images.shape[1] == 1 else part.images.transpose(0, 2, 3, 1)
        self.targets = part.labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.arrays[index])), self.targets[index]


def to_tensor(given: Given) -> list[object]:
    return [transforms.ToTensor(), transforms.Normalize(given.settings["mean"], given.settings["std"])]


def altered(given: Given) -> transforms.Compose:
    """The work's augmentation by torchvision's transforms, which shift by whole pixels where ours shift by parts."""
    spec, size = given.augmentation, given.test.images.shape[2]
    if spec["kind"] == "crop-flip":
        crop: list[object] = [transforms.RandomCrop(size, padding=spec["padding"])]
        flip = [transforms.RandomHorizontalFlip()] if spec["flip"] else []
        return transforms.Compose([*crop, *flip, *to_tensor(given)])
    shift, scale, shear = spec["shift_pixels"] / size, spec["scale"], math.degrees(math.atan(spec["shear"]))
    affine = transforms.RandomAffine(
        spec["rotation_degrees"], translate=(shift, shift), scale=(1 - scale, 1 + scale), shear=shear,
        interpolation=transforms.InterpolationMode.BILINEAR,
    )
    return transforms.Compose([affine, *to_tensor(given)])


def training_batches(
    given: Given, part: Part, budget: Budget, *, seed: int
) -> DataLoader[tuple[Tensor, Tensor]]:
    """One epoch a pass: as many batches as the budget says, in passes over the samples that are shuffled anew."""
    images, shuffle = Images(part, altered(given)), torch.Generator().manual_seed(seed)
    samples = budget.steps_per_epoch * budget.batch_size
    if budget.steps_per_epoch == len(images) // budget.batch_size:
        return DataLoader(
            images, batch_size=budget.batch_size, shuffle=True, drop_last=True, num_workers=given.workers,
            generator=shuffle,
        )
    sampler = RandomSampler(images, num_samples=samples, generator=shuffle)
    return DataLoader(images, batch_size=budget.batch_size, sampler=sampler, num_workers=given.workers)


def plain_batches(given: Given, part: Part) -> DataLoader[tuple[Tensor, Tensor]]:
    images = Images(part, transforms.Compose(to_tensor(given)))
    return DataLoader(images, batch_size=EVALUATION_BATCH, num_workers=given.workers)
