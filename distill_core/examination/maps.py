"""Lays the test samples out in the plane by what the last layer before the answer makes of them: PCA and t-SNE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill_core.examination.bench import Bench
from distill_core.examination.layers import features, label_of, layer_names
from distill_core.examined import Cloud, Maps

MOST_SAMPLES = 400
NEIGHBOURS = 10
Points = NDArray[np.float64]
_PERPLEXITY = 30.0
_LEAST = 8
# Of four hundred points nothing moves any more well before the usual thousand.
_ITERATIONS = 600


def units(bench: Bench) -> int:
    return 2 * len(bench.three)


def examine(bench: Bench) -> Maps | None:
    """A cloud of each method for the teacher, the student alone and the best distilled one; None if stopped."""
    data = bench.data
    if data.task == "tagging":
        return Maps(**bench.common(absent="Every step has a label of its own, so that a sample has no single colour."))
    rows = bench.rows(MOST_SAMPLES)
    labels = data.test_labels[rows].numpy()
    if len(rows) < _LEAST:
        return Maps(**bench.common(absent=f"There are {len(rows)} test samples; a map takes at least {_LEAST}."))
    layers: dict[str, str] = {}
    neighbours: dict[str, float] = {}
    clouds: list[Cloud] = []
    first: dict[str, Points] = {}
    for one in bench.three:
        assert one.model is not None
        names = layer_names(bench, one.model)[-1:]
        if not names:
            continue
        run_id = one.facts.run_id
        layers[run_id] = label_of(one.model, names[0])
        seen = features(bench, one.model, names, rows)[names[0]].numpy().astype(np.float64)
        if data.task == "classification":
            neighbours[run_id] = round(same_class(seen, labels), 4)
        for method in ("pca", "tsne"):
            points, explained = pca(seen) if method == "pca" else (tsne(seen), None)
            points = laid_as(first.setdefault(method, points), points)
            clouds.append(Cloud(
                run_id=run_id, method=method, explained=explained,
                points=tuple((round(float(x), 4), round(float(y), 4)) for x, y in points),
            ))
            if not bench.go_on():
                return None
    if not clouds:
        return Maps(**bench.common(absent="None of these networks has a layer before its answer."))
    shown = labels if data.task == "classification" else labels[:, 0]
    # A value that nobody knows has no colour, and JSON has no NaN.
    values = np.nan_to_num(shown.astype(np.float64), nan=0.0)
    return Maps(
        **bench.common(samples=len(rows)), layers=layers, rows=tuple(rows.tolist()), labels=tuple(values.tolist()),
        clouds=tuple(clouds), neighbours=neighbours,
    )


def pca(features: Points) -> tuple[Points, float]:
    """The first two principal components [N,2], and the share of the variance that they hold."""
    centred = features - features.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(features), 2))
    count = min(2, len(singular))
    points[:, :count] = left[:, :count] * singular[:count]
    total = float((singular**2).sum())
    return points, round(float((singular[:2] ** 2).sum()) / total, 4) if total > 0 else 1.0


def tsne(features: Points) -> Points:
    """t-SNE (van der Maaten and Hinton 2008) by scikit-learn, begun from the principal components: no chance in it."""
    # Slow to load, and no other part needs it.
    from sklearn.manifold import TSNE

    centred = features - features.mean(axis=0)
    spread = float(np.sqrt((centred**2).mean()))
    if spread == 0:
        return np.zeros((len(features), 2))
    start, _ = pca(centred)
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    made = TSNE(perplexity=perplexity, init=start, learning_rate="auto", random_state=0, n_jobs=1, max_iter=_ITERATIONS)
    return np.asarray(made.fit_transform(centred / spread), dtype=np.float64)


def laid_as(model: Points, points: Points) -> Points:
    """The points [N,2] centred, of mean square 1, turned and mirrored to lie as near the model's as they can.

    Orthogonal Procrustes (Schoenemann 1966). Only the plane is turned: distances among the points keep their ratios.
    """
    points, model = _unit(points), _unit(model)
    left, _, right = np.linalg.svd(points.T @ model)
    return points @ (left @ right)


def _unit(points: Points) -> Points:
    centred = points - points.mean(axis=0)
    size = float(np.sqrt((centred**2).sum(axis=1).mean()))
    return centred / size if size > 0 else centred


def same_class(features: Points, labels: NDArray[np.integer]) -> float:
    """Mean share of the ten nearest other samples, by Euclidean distance in all dimensions, that have the same class.

    Of samples equally far the first count.
    """
    squares = (features**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * features @ features.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(features) - 1)]
    return float((labels[nearest] == labels[:, None]).mean())
