"""Every architecture of the catalogue is cut exactly, or refused in a sentence."""

from __future__ import annotations

import copy
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from distill_core.architectures import REGISTRY
from distill_core.compression.reshaping import reshape_to
from distill_core.compression.structured import ENTRY, StructuredParams, prune_structured
from distill_core.compression_step import Around, CompressionRefused
from distill_core.deployment.onnx_export import export_onnx
from distill_core.deployment.parity import check_parity
from distill_core.deployment.profile import profile
from distill_core.signature import Signature
from tests.contracts.test_deployment_architectures import SHAPES, TEACHERS, every_signature

REFUSED = {"cifar-shufflenet-v1", "cifar-shufflenet-v2", "shufflenet-v2", "text-transformer", "vit"}
# Exports take long, and differ from those of uncut networks in sizes alone: one residual, one recurrent.
EXPORTED = (("cifar-resnet", "image"), ("gru", "sequence"))


def signature_of(kind: Any, task: Any) -> Signature:
    vocabulary = 30 if kind == "text" else 0
    return Signature(kind=kind, shape=SHAPES[kind], outputs=3, task=task, vocabulary=vocabulary)


def network_of(name: str, params: dict[str, Any], signature: Signature, *, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    if "cut" in REGISTRY[name].traits:
        teacher = REGISTRY[TEACHERS[signature.kind]]
        whole = Signature(
            kind=signature.kind, shape=signature.shape, outputs=3, task=signature.task, vocabulary=signature.vocabulary,
            teacher=lambda: teacher.build(teacher.resolve({}), signature),
        )
        return REGISTRY[name].build(REGISTRY[name].resolve(params), whole).eval()
    return REGISTRY[name].build(REGISTRY[name].resolve(params), signature).eval()


def inputs_of(signature: Signature) -> torch.Tensor:
    if signature.kind != "text":
        return torch.randn(2, *signature.shape)
    tokens = torch.randint(1, signature.vocabulary, (2, *signature.shape))
    tokens[0, 5:] = 0
    return tokens


@pytest.mark.parametrize(("name", "params", "kind", "task"), every_signature())
def test_it_is_cut_exactly_or_refused(name: str, params: dict[str, Any], kind: Any, task: Any, tmp_path: Path) -> None:
    signature = signature_of(kind, task)
    network = network_of(name, params, signature)
    inputs = inputs_of(signature)
    around = Around(signature=signature, example=inputs)
    if name in REFUSED:
        with pytest.raises(CompressionRefused, match=r"cannot be cut out of this network: .* choose a plain CNN"):
            prune_structured(copy.deepcopy(network), around, StructuredParams())
        # Who asks which layers can be cut is told, too, where the graph cannot even be walked.
        with suppress(CompressionRefused):
            assert ENTRY.build(StructuredParams()).layers(copy.deepcopy(network), around)
        return
    try:
        cut = prune_structured(copy.deepcopy(network), around, StructuredParams())
    except CompressionRefused as refusal:
        # A network cut from its teacher may be one layer and the answer.
        assert name == "truncated", refusal
        return
    with torch.no_grad():
        answers = cut(inputs)
    state = {key: value.clone() for key, value in cut.state_dict().items()}
    again = network_of(name, params, signature, seed=1)
    reshape_to(again, state)
    again.load_state_dict(state)
    with torch.no_grad():
        assert torch.equal(again.eval()(inputs), answers)
    before, after = profile(network, signature=signature), profile(again, signature=signature)
    assert after.parameters < 0.8 * before.parameters and after.macs < before.macs
    if (name, kind) in EXPORTED and not params:
        width = SHAPES[kind][0 if kind == "image" else -1]
        export_onnx(again, tmp_path / "cut.onnx", signature=signature, mean=[0.0] * width, std=[1.0] * width)
        assert check_parity(tmp_path / "cut.onnx", inputs.numpy(), answers.numpy(), signature=signature).holds
