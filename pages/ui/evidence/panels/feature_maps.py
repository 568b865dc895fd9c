"""The test samples in the plane, by the last layer before the answer."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.feature_maps import feature_map
from distill_core.charts.names import plain_name
from distill_core.examined import Maps
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui import results
from pages.ui.evidence.examining import found_or_offer, show_limits
from pages.ui.evidence.panel import Panel

METHODS: dict[str, str] = {"pca": "PCA", "tsne": "t-SNE"}


def draw(view: ExperimentView) -> None:
    found = found_or_offer(view, Maps)
    if found is None:
        return
    method: str = st.segmented_control(
        _("Method"), list(METHODS), format_func=lambda one: METHODS[one], default="tsne", required=True, key="map",
        bind="query-params", label_visibility="collapsed",
        help=_("PCA keeps far distances as well as a plane can; t-SNE keeps near neighbours and nothing else."),
    )
    clouds = [cloud for cloud in found.clouds if cloud.method == method]
    # Columns of a page stand below each other on a phone.
    for number, (column, cloud) in enumerate(zip(st.columns(len(clouds)), clouds, strict=True)):
        with column:
            results.show_chart(
                feature_map(found, cloud, view.runs, view.class_names, task=view.task, theme=results.theme()),
                key=f"map-{method}-{number}", file_name=f"features-{method}-{number + 1}",
                alt=_("Test samples in the plane by {method}, coloured by class, as {network} sees them").format(
                    method=METHODS[method], network=plain_name(found.network(cloud.run_id).name)
                ),
            )
    show_limits(found)


PANEL = Panel(
    name="feature-maps", title=marked("Samples as the networks see them"), group="inside", place=20,
    shows=marked(
        "Which test samples the last layer before the answer holds close together, the same samples for the teacher, "
        "the student alone and the distilled one, each map turned to lie as the teacher's."
    ),
    hides=marked(
        "The other dimensions: in t-SNE the sizes of groups and the gaps between them mean nothing, and neat groups "
        "are no proof of right answers."
    ),
    tasks=("classification", "regression"), draw=draw,
)
