"""Mounts the dark-knowledge lens of one experiment; moving it runs no script and asks no server."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, get_args

from streamlit.components.v2 import component

from distill_core.language import _
from pages.ui.addresses import base_path

HERE = Path(__file__).parent
# One script of several files: what is used stands before or after, for all of it is read before anything runs.
SCRIPTS = ("arithmetic.js", "parts.js", "gallery.js", "bars.js", "story.js", "lens.js")

Control = Literal["samples", "temperature", "epochs", "seed", "scale", "figures", "table"]
ALL_CONTROLS: frozenset[Control] = frozenset(get_args(Control))

# Registered once a process: registering again would mount every lens anew.
_mount = component(
    "distill_lab_lens",
    html='<div class="lab-root"></div>',
    css=(HERE / "lens.css").read_text(encoding="utf-8"),
    js="\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS),
    # The address and the theme's colours are the page's own.
    isolate_styles=False,
)


def show_lens(
    experiment_id: str, *, key: str, sample: int | None = None, temperature: float = 4.0,
    class_name: str | None = None, controls: Collection[Control] = ALL_CONTROLS, seed: int | None = None,
    epoch: int | None = None, in_address: bool = False, networks: Collection[str] = (), large: bool = False,
) -> None:
    """The soft labels of teacher and students for one test sample, at any temperature, epoch by epoch.

    It begins at the test set's row `sample`, else at a sample of `class_name`, else at one that tells much; at
    `temperature` (1 to 50), with the students of `seed` as they were after `epoch` (None: the first, as kept). What is
    not in `controls` is hidden. With `in_address` the page's address follows: sample, t, epoch, seed. `networks`: only
    those of these names (all if none of them is there). `large`: for a class, to be seen whole on a projector.
    """
    _mount(
        key=key,
        data={
            "experiment": experiment_id, "base": base_path(), "controls": sorted(controls), "in_address": in_address,
            "networks": list(networks), "large": large,
            "start": {
                "sample": sample, "temperature": temperature, "class_name": class_name, "seed": seed, "epoch": epoch,
            },
            "words": words(),
        },
    )


def words() -> dict[str, Any]:
    """All that the lens says, in the reader's language; {places} are filled in the browser."""
    return {
        "samples": _("Test samples"), "all": _("All"), "only_class": _("Show one class"), "class": _("Class"),
        "sample_name": _("Sample {row}, class {class}"), "unknown": _("class not known"),
        "the_sample": _("The chosen sample"), "truth": _("True class: {class}"),
        "row": _("Sample {row} of the test set"),
        "temperature": _("Temperature"), "trained_at": _("A student here learned at T = {t}"),
        "epoch": _("Epoch"), "of_epochs": _("{epoch} of {last}"), "end": _("as kept"),
        "play": _("Play the epochs"), "pause": _("Pause"), "seed": _("Seed"), "scale": _("Bars"),
        "scale_even": _("as they are"), "scale_log": _("small shares magnified"),
        "kept": _("as kept, epoch {epoch}"), "kept_plain": _("as kept"), "after": _("after epoch {epoch}"),
        "top": _("says {class}, {share}"), "silent": _("no answer: its logits are no numbers"),
        "summary": _("{name} at T = {t}: {shares}."),
        "legend": _("A bar is the share that a network gives a class; the line across it is the teacher's."),
        "legend_some": _(
            "A bar is the share that a network gives a class; the line across it is the teacher's. The {shown} classes "
            "that the teacher finds likeliest, of {all}."
        ),
        "underlined": _("Underlined temperatures are those at which a student here learned."),
        "table": _("All numbers as a table"), "how_to_read": _("What the figures mean"),
        "figures": {
            "entropy": _("Entropy"), "kl": _("KL"), "scaled": _("T² · KL"), "gradient": _("Gradient"),
        },
        "meaning": {
            "entropy": _("How widely the soft label is spread, in nats: 0 if one class has it all."),
            "kl": _("KL(teacher || network) at this T, in nats: 0 if both soft labels are the same."),
            "scaled": _(
                "What a student minimises: KL times T². Without T², warm soft labels would hardly pull at the student."
            ),
            "gradient": _(
                "How hard this sample would pull: the length of the gradient of T² · KL by the network's logits, which "
                "is T times the distance between the two soft labels."
            ),
        },
        "never_saw": _("No student saw a {class} in training"),
        "carried": _(
            "They heard of it only through the teacher's soft labels of other samples: at T = {t} those give {class} "
            "{share} on average, most on {most}."
        ),
        "carried_here": _(
            "This sample tells them of it all the same: at T = {t} the teacher's soft label gives {class} {share}."
        ),
        "now_say": _("What each gives {class} for this sample now, at T = {t}: {shares}."),
        "torn": _("the answers by epoch came in part only"),
        "trouble": _("The lens could not be filled: {why} Reload the page to try again."),
    }
