"""A few of the scenarios of ``make faults``, small: with real processes, really killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.all import SCENARIOS
from tests.faults.scenario import play
from tests.support.databases import is_postgres

if TYPE_CHECKING:
    from pathlib import Path

_FEW = (
    "50 in flight, SQLite",
    "each event 5 times, Slack",
    "clocks an hour wrong in Python",
    "disk full, polling",
)


def test_every_scenario_has_a_name_of_its_own() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


def test_all_scenarios_together_ask_ten_thousand_messages() -> None:
    assert sum(scenario.full.messages for scenario in SCENARIOS) >= 10_000


@pytest.mark.parametrize(
    ("database_url", "name"),
    [(scenario.database, scenario.name) for scenario in SCENARIOS if scenario.name in _FEW],
    indirect=["database_url"],
)
@pytest.mark.usefixtures("database")  # it brings the database up to date
async def test_nothing_is_lost_double_out_of_order_or_wrongly_shown(
    name: str, database_url: str, tmp_path: Path
) -> None:
    (scenario,) = [one for one in SCENARIOS if one.name == name]
    assert is_postgres(database_url) == (scenario.database == "postgresql")
    result = await play(scenario, scenario.small, tmp_path, database_url, seed=1)

    assert result.error == ""
    assert result.verdict.complaints == []
    assert result.clean
    assert result.verdict.sent == result.verdict.answered >= scenario.small.messages
