"""How long the browser tests wait. Nothing is claimed by it: how quick a page is, the benchmarks prove."""

from __future__ import annotations

# An answer of page or server, on two cores that train, serve and draw for two browsers at once.
ANSWER_MS = 60_000
# What a worker does in the background: trainings that take a minute and a half on a quiet machine.
WORK_MS = 600_000
# A whole test, in seconds. A machine three times slower needs five minutes for the demo alone.
TEST_S = 1_200
