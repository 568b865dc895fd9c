"""One ExperimentSpec end to end."""

from distill_core.pipeline.experiment import run_experiment
from distill_core.training.preparation import Checked, deep_check, installed_catalogue

__all__ = ["Checked", "deep_check", "installed_catalogue", "run_experiment"]
