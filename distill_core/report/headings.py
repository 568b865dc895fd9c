"""The words that every page of an experiment has, whatever it says, in the current language."""

from __future__ import annotations

from distill_core.language import _


def headings() -> dict[str, str]:
    """By the names that the template gives them."""
    return {
        "as_it_was": _("as it was on {at}"), "before_its_end": _("before its end"),
        "verdict": _("Verdict"),
        "compared": _(
            "Each student is compared with the same network trained alone: same budget, seeds, batches and first "
            "weights."
        ),
        "networks": _("The networks"), "cost": _("What it costs"), "classes": _("What is lost on each class"),
        "sure": _("How sure we are"), "curves": _("How it was learnt"), "compression": _("Compression, step by step"),
        "network": _("Network"), "role": _("Role"), "seeds": _("Seeds"), "test": _("Test {metric}"),
        "parameters": _("Parameters"), "file": _("ONNX file"), "p50": "p50", "p95": "p95",
        "spread": _("± one standard deviation over seeds."), "none_trained": _("No network has been trained yet."),
        "data": _("Figures of this chart"), "lineage": _("Lineage"), "made": _("How it came to be"),
        "where": _("Where"), "limits": _("Limits: what this does not show"), "how": _("How it was made"),
        "with_what": _("Hardware and versions"), "notes": _("Notes"), "on_run": _("On {run}"),
        "repeat": _("To repeat it"),
        "save": _("Save the settings below as spec.json, then run:"), "spec": _("The settings (spec.json)"),
        "shown_in_print": _("They are in the file itself, not on paper."),
        "footer": _("A frozen copy: it does not follow the experiment, runs no script and loads nothing."),
    }
