"""The stand-ins that every way in is tried against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.standins.slack import StandInSlack
from adapters.standins.telegram.world import Tuning
from adapters.standins.tgi import StandInTGI
from tests.support.slack import Room, furnish
from tests.support.telegram import standing_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.telegram.server import StandInTelegram


@pytest.fixture
async def tgi() -> AsyncIterator[StandInTGI]:
    async with StandInTGI() as standin:
        yield standin


@pytest.fixture
async def telegram() -> AsyncIterator[StandInTelegram]:
    async with standing_in(Tuning(retry_unit=0.01, patience=0.02, privacy_mode=False)) as (standin, _):
        yield standin


@pytest.fixture
async def slack() -> AsyncIterator[StandInSlack]:
    async with StandInSlack(retry_scale=0.01) as standin:
        yield standin


@pytest.fixture
def room(slack: StandInSlack) -> Room:
    return furnish(slack)
