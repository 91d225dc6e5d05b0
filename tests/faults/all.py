"""Every scenario there is, theme by theme."""

from __future__ import annotations

from tests.faults import (
    full_disk,
    kills,
    model_lost,
    platforms_failing,
    postgres_lost,
    redis_lost,
    replicas,
    rolling,
    wrong_clocks,
)

SCENARIOS = (
    *kills.SCENARIOS,
    *replicas.SCENARIOS,
    *rolling.SCENARIOS,
    *redis_lost.SCENARIOS,
    *postgres_lost.SCENARIOS,
    *model_lost.SCENARIOS,
    *platforms_failing.SCENARIOS,
    *wrong_clocks.SCENARIOS,
    *full_disk.SCENARIOS,
)
