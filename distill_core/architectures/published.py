"""torchvision's networks and ImageNet weights, by its own names for them.

torchvision takes a second to load. So it is loaded when a network of it is built, not by everybody who trains.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from distill_core.architectures.pretrained import fetch_weights


def published_network(name: str, *, outputs: int) -> Any:
    """torchvision's network with fresh weights and that many outputs, such as `resnet18`."""
    from torchvision.models import get_model

    return get_model(name, weights=None, num_classes=outputs)


def imagenet_weights(name: str) -> dict[str, Tensor]:
    """Its first weights for ImageNet; raises WeightsUnavailable as `fetch_weights` does."""
    from torchvision.models import get_model_weights

    return fetch_weights(get_model_weights(name)["IMAGENET1K_V1"].value.url)
