"""Imported before anything that loads torch: waiting threads sleep, as in the product's worker, and do not spin."""

import os

# OpenMP reads it once, when it is loaded.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
