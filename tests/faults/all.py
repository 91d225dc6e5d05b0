"""Every scenario there is, theme by theme."""

from __future__ import annotations

from tests.faults import kills, replicas

SCENARIOS = (*kills.SCENARIOS, *replicas.SCENARIOS)
