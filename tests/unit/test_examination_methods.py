"""Grad-CAM, rollout, maps and the loss line against what they are defined to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from torch import nn

from distill_core.architectures.vit import VitParams, build
from distill_core.charts.loss_line import barrier
from distill_core.datasets.samples import Samples
from distill_core.examination import loss_line
from distill_core.examination.bench import Bench, Examinee
from distill_core.examination.cam import grad_cam, map_layer
from distill_core.examination.layers import features, thinned
from distill_core.examination.maps import laid_as, pca, same_class, tsne
from distill_core.examination.rollout import has_class_token, rollout
from distill_core.examined import LinePoint, LossLine, Network
from distill_core.signature import Signature
from distill_core.training.cohort import predict
from distill_core.training.normaliser import Normaliser
from distill_core.training.scores import score

IMAGES = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(4))
SIGNATURE = Signature(kind="image", shape=(1, 8, 8), outputs=3)


def pooled(*, norm: bool = False) -> nn.Sequential:
    """A network of the kind for which Zhou et al. 2016 define CAM: convolution, mean over places, linear."""
    layers: list[nn.Module] = [nn.Conv2d(1, 4, 3, padding=1)]
    layers += [nn.BatchNorm2d(4)] if norm else []
    return nn.Sequential(*layers, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


def test_grad_cam_is_cam_where_cam_is_defined() -> None:
    torch.manual_seed(0)
    network = pooled().eval()
    classes = network(IMAGES).argmax(1)
    # Frozen, as kept networks may be; and the layer is followed by one that works in place.
    network.requires_grad_(False)
    heat = grad_cam(network, "1", IMAGES, classes)
    maps = network[1](network[0](IMAGES))
    weights = network[4].weight[classes]
    cam = (weights[:, :, None, None] * maps).sum(1).relu() / 64
    torch.testing.assert_close(heat, cam, rtol=1e-5, atol=1e-7)
    before = grad_cam(network, "0", IMAGES, classes)
    assert torch.isfinite(before).all() and before.shape == (5, 8, 8)


def test_a_map_is_read_where_it_still_shows_places() -> None:
    cut = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3, padding=1), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(8, 3),
    )
    assert map_layer(cut, SIGNATURE) == ("2", (4, 4)), "the deepest of at least 4 by 4, not the last of 2 by 2"
    assert map_layer(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), SIGNATURE) is None


def test_rollout_of_a_vision_transformer_is_the_product_of_its_attention() -> None:
    torch.manual_seed(0)
    network = build(VitParams(size="tiny", patch=4), SIGNATURE).eval()
    assert has_class_token(network) and not has_class_token(pooled())
    assert map_layer(network, SIGNATURE) is None, "its one convolution only cuts patches"
    heat = rollout(network, IMAGES)
    assert heat is not None and heat.shape == (5, 2, 2)
    # By torch's own attention weights.
    tokens, flow = network.tokens(network.conv_proj(IMAGES)), torch.eye(5).expand(5, 5, 5)
    with torch.no_grad():
        for name, block in network.named_children():
            if name.startswith("encoder_layer_"):
                given = block.ln_1(tokens)
                _, shares = block.self_attention(given, given, given, need_weights=True)
                flow = (shares + torch.eye(5)) / 2 @ flow
                tokens = block(tokens)
    torch.testing.assert_close(heat.flatten(1), flow[:, 0, 1:], rtol=1e-4, atol=1e-6)


def test_pca_is_scikit_learns_and_maps_are_turned_to_lie_alike() -> None:
    random = np.random.default_rng(3)
    made = random.normal(size=(50, 7)) * np.array([5, 3, 1, 1, 1, 1, 1])
    points, explained = pca(made)
    reference = PCA(2).fit(made)
    assert np.abs(points) == pytest.approx(np.abs(reference.transform(made)), abs=1e-9)
    assert explained == pytest.approx(reference.explained_variance_ratio_.sum(), abs=1e-4)
    turned = (points @ np.array([[0, -1], [1, 0]]) * np.array([1, -1])) * 4 + 9
    assert laid_as(points, turned) == pytest.approx(laid_as(points, points), abs=1e-9)
    unlike = laid_as(points, random.normal(size=(50, 2)))
    assert float((unlike**2).sum(axis=1).mean()) == pytest.approx(1)


def test_t_sne_repeats_itself_and_survives_a_layer_that_never_changes() -> None:
    made = np.random.default_rng(5).normal(size=(40, 6))
    first, second = tsne(made), tsne(made)
    assert np.array_equal(first, second) and np.isfinite(first).all()
    assert np.array_equal(tsne(np.ones((12, 3))), np.zeros((12, 2)))


def test_neighbours_of_the_same_class_are_counted_in_all_dimensions() -> None:
    random = np.random.default_rng(6)
    labels = np.arange(60) % 3
    made = random.normal(size=(60, 8)) + labels[:, None]
    near = NearestNeighbors(n_neighbors=11).fit(made).kneighbors(made, return_distance=False)[:, 1:]
    assert same_class(made, labels) == pytest.approx((labels[near] == labels[:, None]).mean())


def test_layers_are_thinned_evenly_with_both_ends() -> None:
    assert thinned([str(number) for number in range(30)], 4) == ["0", "10", "19", "29"]
    assert thinned(["a", "b"], 4) == ["a", "b"]


def bench_of(*networks: nn.Module, go_on: object = lambda: True) -> Bench:
    """A bench of two students of one network."""
    labels = torch.arange(5) % 3
    data = Samples(
        train_inputs=IMAGES, train_labels=labels, test_inputs=IMAGES, test_labels=labels, class_names=("a", "b", "c"),
        mean=(0.5,), std=(0.3,),
    )
    device = torch.device("cpu")
    normalise = Normaliser(data, device)
    found = [
        Examinee(
            facts=Network(
                run_id=f"r{number}", role=role, name=role, seed=0, best_epoch=1, stopped_epoch=1  # type: ignore[arg-type]
            ),
            ask=lambda raw, network=network: predict(network, raw, normalise), model=network.eval(),
        )
        for number, (network, role) in enumerate(zip(networks, ("baseline", "student"), strict=True))
    ]
    return Bench(
        examinees=tuple(found), data=data, device=device, seed=0, digest="d", macs=1000, learnt=IMAGES,
        pair=("r0", "r1"), go_on=go_on,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("norm", [False, True])
def test_the_line_meets_both_networks_at_its_ends_and_leaves_them_as_they_were(norm: bool) -> None:
    torch.manual_seed(0)
    first, last = pooled(norm=norm), pooled(norm=norm)
    if norm:
        first.train()(IMAGES)
        last.train()(IMAGES * 3)
    bench = bench_of(first, last)
    states = [{name: value.clone() for name, value in one.state_dict().items()} for one in (first, last)]
    found = loss_line.examine(bench)
    assert found is not None and len(found.points) == loss_line.units(bench) == 31
    at = {point.a: point for point in found.points}
    for a, network in ((0.0, first), (1.0, last)):
        own = score(predict(network, IMAGES, bench.normalise), bench.data.test_labels, None, task="classification")
        assert at[a].loss == pytest.approx(own.error, abs=1e-6) and at[a].accuracy == own.success
    assert (at[0.5].loss_anew is not None) == norm
    assert sorted(at) == pytest.approx([-0.25 + 0.05 * number for number in range(31)])
    for state, network in zip(states, (first, last), strict=True):
        assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_statistics_measured_anew_are_those_of_the_training_samples() -> None:
    torch.manual_seed(0)
    network = pooled(norm=True).eval()
    bench = bench_of(network, pooled(norm=True))
    loss_line.measure_statistics(bench, network)
    seen = network[0](bench.normalise(IMAGES)).detach()
    torch.testing.assert_close(network[1].running_mean, seen.mean((0, 2, 3)), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(network[1].running_var, seen.var((0, 2, 3)), rtol=1e-5, atol=1e-6)
    assert not network[1].training and network[1].momentum == 0.1


def test_networks_of_other_shapes_have_no_line_and_a_stop_leaves_nothing() -> None:
    wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    absent = loss_line.examine(bench_of(pooled(), wide))
    assert absent is not None and "differ in shape" in absent.absent and not absent.points
    assert loss_line.examine(bench_of(pooled(), pooled(), go_on=lambda: False)) is None


def test_a_barrier_is_what_rises_above_the_straight_line() -> None:
    def line(*losses: float | None) -> LossLine:
        points = tuple(
            LinePoint(a=number / 4, loss=loss, accuracy=0.5) for number, loss in enumerate(losses)
        )
        return LossLine(digest="d", seed=0, networks=(), points=points)

    assert barrier(line(1.0, 1.5, 2.0, 1.2, 0.6)) == pytest.approx(1.2)
    assert barrier(line(1.0, 0.7, 0.5, 0.3, 0.2)) == 0
    assert barrier(line(1.0, None, 0.5, 0.3, 0.2)) is None


def test_features_beyond_the_limit_are_averaged_over_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    network = pooled().eval()
    bench = bench_of(network, pooled())
    rows = torch.arange(5)
    whole = features(bench, network, ["0"], rows)["0"]
    assert whole.shape == (5, 4 * 64)
    monkeypatch.setattr("distill_core.examination.layers.MOST_FEATURES", 64)
    small = features(bench, network, ["0"], rows)["0"]
    assert torch.allclose(small, nn.functional.adaptive_avg_pool2d(whole.view(5, 4, 8, 8), 4).flatten(1))
