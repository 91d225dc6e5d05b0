"""An answer on its way to Telegram, and what may go wrong: each part is there once, in order, and what a cut send left
behind is empty and counted.
"""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from itertools import product
from typing import TYPE_CHECKING

import pytest

from adapters.standins.telegram.faults import FaultKind
from adapters.standins.telegram.world import Tuning
from bot import delivery as bot_delivery
from tests.support.databases import Rows
from tests.support.delivering import on_telegram, telegram_at
from tests.support.telegram import ASKER, standing_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.standins.telegram.server import StandInTelegram
    from tests.support.delivering import Scene

TEXTS = {1: "Es ist zwölf Uhr.", 3: "\n\n".join(f"{number}. Wort" for number in range(900))}
LATE_SECONDS = 0.25
KINDS = [
    FaultKind.TOO_MANY_REQUESTS,
    FaultKind.SERVER_ERROR,
    FaultKind.SERVER_ERROR_AFTER,
    FaultKind.BAD_GATEWAY,
    FaultKind.RESET_BEFORE,
    FaultKind.RESET_AFTER,
    FaultKind.SLOW,
]


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_delivery, "_FIRST_RETRY", 0)
    monkeypatch.setattr(bot_delivery, "_LONGEST_PAUSE", 0)


@pytest.fixture
async def telegram() -> AsyncIterator[StandInTelegram]:
    async with standing_in(Tuning(limits=None)) as (standin, _):
        yield standin


async def shown_in_the_end(telegram: StandInTelegram, turn: Scene, text: str, *, by_successors: bool) -> None:
    """Try until the text is shown; a successor knows nothing but what is stored."""
    async with AsyncExitStack() as successors:
        for _ in range(40):
            if await turn.attempted(text):
                return await turn.over()
            await turn.next_attempt()
            if by_successors:
                turn.platform = await successors.enter_async_context(telegram_at(telegram, LATE_SECONDS))
    raise AssertionError("it was never shown")


def go_wrong(telegram: StandInTelegram, method: str, nth: int, kind: FaultKind) -> None:
    telegram.fail_next(method, FaultKind.SLOW, times=nth - 1, seconds=0)
    telegram.fail_next(method, kind, seconds=2 * LATE_SECONDS if kind is FaultKind.SLOW else 1)


async def all_is_well(telegram: StandInTelegram, turn: Scene, before: int, text: str) -> bool:
    """What came after the first ``before`` messages: each part once, in order, and nothing else that is not counted."""
    shown = [message.text for message in telegram.transcript(telegram.private(ASKER))][before:]
    sends = await Rows(turn.database).select("SELECT turn_id, state FROM sends")
    ours = turn.claim.turn_id.replace("-", "")
    in_doubt = [state for turn_id, state in sends if turn_id.replace("-", "") == ours and state != "sent"]
    parts = [part.text for part in turn.platform.parts(text)]  # type: ignore[attr-defined]  # they are Telegram's
    return [text for text in shown if text != "…"] == parts and shown.count("…") <= len(in_doubt)


@pytest.mark.parametrize(
    ("count", "method", "calls_of_it"),
    [(1, "sendMessage", 1), (1, "editMessageText", 2), (3, "sendMessage", 3), (3, "editMessageText", 4)],
)
async def test_each_part_is_shown_once_whatever_goes_wrong(
    count: int, method: str, calls_of_it: int, telegram: StandInTelegram, tmp_path: Path
) -> None:
    async with on_telegram(telegram, tmp_path, LATE_SECONDS) as turn:
        first = turn.platform
        assert len(first.parts(TEXTS[count])) == count
        for kind, (nth, by_successors) in product(KINDS, [(1, True), (calls_of_it, False)]):
            before = len(telegram.transcript(telegram.private(ASKER)))
            go_wrong(telegram, method, nth, kind)
            await shown_in_the_end(telegram, turn, TEXTS[count], by_successors=by_successors)
            assert await all_is_well(telegram, turn, before, TEXTS[count]), (kind, nth)
            assert not telegram._faults.take(method), f"call {nth} was never made"
            turn.platform = first
            await turn.next_question(turn.place)


@pytest.mark.parametrize("seed", range(4))
async def test_each_part_is_shown_once_whatever_goes_wrong_one_after_another(
    seed: int, telegram: StandInTelegram, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same schedule each time is meant
    kinds = [kind for kind in KINDS if kind is not FaultKind.SLOW]
    async with on_telegram(telegram, tmp_path, LATE_SECONDS) as turn:
        first = turn.platform
        for count in (1, 3, 3):
            before = len(telegram.transcript(telegram.private(ASKER)))
            for method in ("sendMessage", "editMessageText"):
                for _ in range(chance.randrange(4)):
                    go_wrong(telegram, method, chance.randrange(1, 3), chance.choice(kinds))
            await shown_in_the_end(telegram, turn, TEXTS[count], by_successors=chance.random() < 0.5)
            assert await all_is_well(telegram, turn, before, TEXTS[count])
            turn.platform = first
            await turn.next_question(turn.place)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_an_ending_does_not_need_is_taken_back_whatever_goes_wrong(
    kind: FaultKind, telegram: StandInTelegram, tmp_path: Path
) -> None:
    go_wrong(telegram, "deleteMessage", 1, kind)
    go_wrong(telegram, "sendChatAction", 1, kind)
    async with on_telegram(telegram, tmp_path, LATE_SECONDS) as turn:
        async with turn.delivery() as delivery:
            delivery._text = lambda: TEXTS[3]
            await delivery._show_newest()
        await turn.next_attempt()
        await turn.platform.typing(turn.place)
        await shown_in_the_end(telegram, turn, "Kurz.", by_successors=True)
        assert [message.text for message in telegram.transcript(telegram.private(ASKER))] == ["Kurz."]
    assert not telegram._faults.take("deleteMessage")
