"""The model server dies, hangs, is overloaded, writes nonsense, and is gone for a while."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adapters.standins.script import Fault, FaultKind
from adapters.standins.telegram.chats import Person
from conversation.texts import GERMAN
from tests.faults.load import Size, ask
from tests.faults.logged import logged
from tests.faults.scenario import Scenario
from tests.support.fault_proxy import FaultProxy

if TYPE_CHECKING:
    import random

    from tests.faults.crowds import TelegramCrowd
    from tests.faults.stage import Stage

_WAITING = GERMAN.waiting.strip("_")
"""As Telegram shows it: italic."""
_GONE_SECONDS = 20.0
# Few enough that no turn fails five times in a row: then it would be parked, as it should be.
_SHARE_OF_FAULTS, _SHARE_OF_HANGS = 0.15, 0.005
# A model server that says nothing is waited for longer than anybody else: two minutes until its first token.
_LONGEST_HANG = 150.0
_MOST_TOKENS = 10
_STATUSES = (429, 500, 503)
_FAULTS = (
    FaultKind.DROP,
    FaultKind.RESET,
    FaultKind.END_EARLY,
    FaultKind.ERROR_EVENT,
    FaultKind.BROKEN_EVENT,
    FaultKind.STATUS,
)


async def gone(stage: Stage) -> None:
    """For 20 s nobody listens there; streams under way are cut. Each chat is told once, and answered afterwards."""
    crowd = stage.on_telegram()
    async with FaultProxy(_address(stage)) as network:
        stage.more_settings["model_url"] = network.url
        async with stage.processes() as fleet:
            await fleet.ready()
            await asyncio.gather(ask(crowd, stage.size), _outage(network, stage.size.seconds))
            await stage.settled()
    told = [sum(notices) for notices in _notices(crowd)]
    assert max(told) == 1, f"one chat was told {max(told)} times to wait, {told.count(1)} were told once"
    await _all_answered(stage)


async def _outage(network: FaultProxy, seconds: float) -> None:
    await asyncio.sleep(seconds / 4)
    await network.refuse()
    await asyncio.sleep(min(_GONE_SECONDS, seconds / 2))
    await network.heal()


async def failing(stage: Stage) -> None:
    """Two processes; one request in seven goes wrong in one way or another, the server dies now and then with
    everything that it was writing, and once it hangs as a whole.
    """
    crowd = stage.on_telegram(webhook=True)
    async with FaultProxy(_address(stage)) as network:
        stage.more_settings["model_url"] = network.url
        async with stage.processes(2) as fleet:
            await fleet.ready()
            stage.tgi.faults.extend(_faults(stage.chance, 2 * stage.size.messages))
            await asyncio.gather(ask(crowd, stage.size), _deaths(network, stage.chance, stage.size.seconds))
            stage.tgi.faults.clear()
            await stage.settled(_LONGEST_HANG)
    told = [count for notices in _notices(crowd) for count in notices]
    assert max(told) <= 1, f"a message said {max(told)} times to wait"
    await _all_answered(stage)


def _faults(chance: random.Random, requests: int) -> list[Fault | None]:
    return [_fault(chance) for _ in range(requests)]


def _fault(chance: random.Random) -> Fault | None:
    drawn = chance.random()
    if drawn < _SHARE_OF_HANGS:
        return Fault(FaultKind.HANG, chance.randrange(_MOST_TOKENS))
    if drawn < _SHARE_OF_FAULTS:
        return Fault(chance.choice(_FAULTS), chance.randrange(_MOST_TOKENS), chance.choice(_STATUSES))
    return None


async def _deaths(network: FaultProxy, chance: random.Random, seconds: float) -> None:
    """Six moments: dead for a second, then only cut, hung for a while, and again."""
    moment = seconds / 7
    for happens in ("dies", "cut", "hangs", "cut", "dies", "cut"):
        await asyncio.sleep(chance.uniform(moment / 2, moment))
        match happens:
            case "dies":
                await network.refuse()
                await asyncio.sleep(moment / 4)
            case "hangs":
                network.black_hole()
                await asyncio.sleep(moment)
        network.cut()
        await network.heal()


def _address(stage: Stage) -> tuple[str, int]:
    host, _, port = stage.tgi.url.removeprefix("http://").partition(":")
    return host, int(port)


def _notices(crowd: TelegramCrowd) -> list[list[int]]:
    """For each chat, and in it for each message of the service's: how often it was made to say that one must wait."""
    chats = sorted({question.conversation for question in crowd.asked()})
    people = [Person(int(chat.partition("/")[0]), "") for chat in chats]
    return [
        [
            sum(version.text == _WAITING for version in message.versions)
            for message in crowd.telegram.transcript(person)
            if message.from_bot
        ]
        for person in people
    ]


async def _all_answered(stage: Stage) -> None:
    others = [turn.turn_id for turn in await logged(stage.database) if turn.kind != "answer"]
    assert not others, f"{len(others)} turns have no answer: {others[:5]}"


SCENARIOS = (
    Scenario("model server gone for 20 s", gone, "sqlite", Size(150, 4, 45), Size(6, 2, 6)),
    Scenario("model server failing in every way", failing, "postgresql", Size(120, 8, 56), Size(6, 2, 7), 2),
)
