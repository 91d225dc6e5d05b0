"""An answer on its way into its place, and what may come in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from adapters.standins.telegram.faults import FaultKind
from adapters.standins.telegram.world import Tuning
from adapters.stores.sql import database as sql_database
from bot import delivery as bot_delivery
from conversation.errors import OutcomeUnknown, PlatformUnreachable, StoreUnavailable, TooFast, Undeliverable
from tests.support.databases import Rows
from tests.support.delivering import Scene, on_telegram
from tests.support.telegram import ASKER, standing_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.standins.telegram.server import StandInTelegram
    from conversation.places import Place

TWO_PARTS = "Wort " * 1200


@pytest.fixture
async def telegram() -> AsyncIterator[StandInTelegram]:
    async with standing_in(Tuning(limits=None)) as (standin, _):
        yield standin


@pytest.fixture
async def scene(telegram: StandInTelegram, tmp_path: Path) -> AsyncIterator[Scene]:
    async with on_telegram(telegram, tmp_path) as scene:
        yield scene


@pytest.fixture(autouse=True)
def _tried_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_delivery, "_FIRST_RETRY", 0)


def shown(telegram: StandInTelegram) -> list[str]:
    """Our messages that are there."""
    return [message.text for message in telegram.transcript(telegram.private(ASKER)) if message.from_bot]


async def written(scene: Scene, telegram: StandInTelegram, text: str, messages: int) -> None:
    """Write until so many messages stand, as a worker that dies then."""
    async with scene.delivery() as delivery:
        delivery.start(lambda: text)
        await telegram.wait_for(lambda: len(shown(telegram)) == messages and "…" not in shown(telegram))


async def test_an_answer_that_grows_into_several_messages_is_shown_in_order(
    scene: Scene, telegram: StandInTelegram
) -> None:
    async with scene.delivery() as delivery:
        await delivery.finish(TWO_PARTS)

    first, second = shown(telegram)
    assert f"{first} {second}" == TWO_PARTS.strip()


async def test_an_ending_that_is_shorter_than_what_stood_takes_messages_back(
    scene: Scene, telegram: StandInTelegram
) -> None:
    await written(scene, telegram, TWO_PARTS, messages=2)
    await scene.next_attempt()

    async with scene.delivery() as delivery:
        await delivery.finish("Kurz.")

    assert shown(telegram) == ["Kurz."]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (FaultKind.BAD_REQUEST, "MESSAGE_ID_INVALID"),
        (FaultKind.BAD_REQUEST, "what is this?"),
        (FaultKind.FORBIDDEN, ""),
    ],
)
async def test_an_answer_is_shown_though_a_message_can_not_be_taken_back(
    kind: FaultKind, text: str, scene: Scene, telegram: StandInTelegram
) -> None:
    await written(scene, telegram, TWO_PARTS, messages=2)
    await scene.next_attempt()
    telegram.fail_next("deleteMessage", kind, times=20, text=text)

    async with scene.delivery() as delivery:
        await delivery.finish("Kurz.")

    assert shown(telegram)[0] == "Kurz."


async def test_a_message_that_must_be_taken_back_is_not_forgotten_in_an_outage(
    scene: Scene, telegram: StandInTelegram
) -> None:
    await written(scene, telegram, TWO_PARTS, messages=2)
    await scene.next_attempt()
    telegram.fail_next("deleteMessage", FaultKind.SERVER_ERROR, times=4)

    async with scene.delivery() as delivery:
        with pytest.raises(PlatformUnreachable):
            await delivery.finish("Kurz.")
        await delivery.finish("Kurz.")

    assert shown(telegram) == ["Kurz."]


async def test_where_each_message_is_deleted_at_once_no_more_and_more_are_sent(
    scene: Scene, telegram: StandInTelegram
) -> None:
    telegram.fail_next("editMessageText", FaultKind.BAD_REQUEST, times=100, text="message to edit not found")

    for attempt in ("first", "second"):
        async with scene.delivery() as delivery:
            with pytest.raises(PlatformUnreachable if attempt == "first" else Undeliverable):
                await delivery.finish("Zwölf Uhr.")
        await scene.next_attempt()

    assert shown(telegram) == ["…"] * 4


async def test_a_message_that_somebody_deleted_is_written_anew(scene: Scene, telegram: StandInTelegram) -> None:
    chat = telegram.private(ASKER)
    async with scene.delivery() as delivery:
        delivery.start(lambda: "Es ist")
        first = await telegram.wait_for_message(chat, lambda message: message.text == "Es ist")
        telegram.delete(chat, first.message_id)
        await delivery.finish("Es ist zwölf.")

    assert shown(telegram) == ["Es ist zwölf."]


async def test_a_send_that_was_cut_is_tried_again_later_and_later(scene: Scene, telegram: StandInTelegram) -> None:
    telegram.fail_next("sendMessage", FaultKind.RESET_AFTER, times=3)
    rests = []

    for _ in range(3):
        async with scene.delivery() as delivery:
            with pytest.raises(OutcomeUnknown):
                await delivery.finish("Zwölf Uhr.")
            rests.append(delivery.rest)
        await scene.next_attempt()
    async with scene.delivery() as delivery:
        await delivery.finish("Zwölf Uhr.")

    # Nobody can find them again; each is counted.
    assert shown(telegram) == ["…", "…", "…", "Zwölf Uhr."]
    assert await Rows(scene.database).select("SELECT count(*) FROM sends WHERE state = 'unknown'") == [(3,)]
    assert rests == [6, 12, 24]


async def test_an_outage_makes_one_row_however_often_a_send_is_tried(scene: Scene, telegram: StandInTelegram) -> None:
    telegram.fail_next("sendMessage", FaultKind.SERVER_ERROR, times=3)

    async with scene.delivery() as delivery:
        await delivery.finish("Zwölf Uhr.")

    assert await Rows(scene.database).select("SELECT state FROM sends") == [("sent",)]
    assert shown(telegram) == ["Zwölf Uhr."]


async def test_a_long_outage_is_waited_out_in_longer_pauses(scene: Scene, telegram: StandInTelegram) -> None:
    telegram.fail_next("sendMessage", FaultKind.SERVER_ERROR, times=8)
    rests = []

    for _ in range(2):
        async with scene.delivery() as delivery:
            with pytest.raises(PlatformUnreachable):
                await delivery.finish("Zwölf Uhr.")
            rests.append(delivery.rest)
        await scene.next_attempt()

    assert rests == [3, 6]
    assert shown(telegram) == []


async def test_whoever_is_cancelled_while_a_message_is_sent_knows_its_id_all_the_same(
    scene: Scene, telegram: StandInTelegram
) -> None:
    telegram.fail_next("sendMessage", FaultKind.SLOW, seconds=0.2)
    async with scene.delivery() as delivery:
        finishing = asyncio.create_task(delivery.finish("Zwölf Uhr."))
        await telegram.wait_for(lambda: shown(telegram))
        finishing.cancel()
        await asyncio.gather(finishing, return_exceptions=True)
    await scene.next_attempt()

    async with scene.delivery() as delivery:
        await delivery.finish("Zwölf Uhr.")

    assert finishing.cancelled()
    assert shown(telegram) == ["Zwölf Uhr."]


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("sendMessage", FaultKind.SERVER_ERROR),
        ("sendMessage", FaultKind.RESET_AFTER),
        ("editMessageText", FaultKind.SERVER_ERROR),
        ("editMessageText", FaultKind.BAD_REQUEST),
    ],
)
async def test_an_answer_goes_on_growing_after_trouble_with_the_platform(
    method: str, kind: FaultKind, scene: Scene, telegram: StandInTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_delivery, "_FIRST_PAUSE", 0.01)
    telegram.fail_next(method, kind, times=2, text="message to edit not found")

    async with scene.delivery() as delivery:
        delivery.start(lambda: "Es ist")
        await telegram.wait_for(lambda: shown(telegram)[-1:] == ["Es ist"])

        assert delivery.writer is not None
        assert not delivery.writer.done()


async def test_an_answer_goes_on_growing_once_the_database_can_be_written(
    telegram: StandInTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_database, "LOCK_SECONDS", 0.02)
    monkeypatch.setattr(bot_delivery, "_FIRST_PAUSE", 0.01)
    refused = asyncio.Event()
    async with on_telegram(telegram, tmp_path) as scene:
        write = scene.database.write

        async def noted(*arguments: Any, **more: Any) -> Any:
            try:
                return await write(*arguments, **more)
            except StoreUnavailable:
                refused.set()
                raise

        monkeypatch.setattr(scene.database, "write", noted)
        async with scene.delivery() as delivery:
            async with scene.database.writing():
                delivery.start(lambda: "Es ist")
                await asyncio.wait_for(refused.wait(), 10)
            await telegram.wait_for(lambda: shown(telegram) == ["Es ist"])


async def test_what_comes_during_the_last_call_is_shown_with_the_ending_and_not_before(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "Es"
    edits: list[bool] = []
    calling, free = asyncio.Event(), asyncio.Event()
    edit = scene.platform.edit

    async def held(place: Place, message_id: str, part: object, *, last: bool) -> None:
        edits.append(last)
        calling.set()
        await free.wait()
        await edit(place, message_id, part, last=last)

    monkeypatch.setattr(scene.platform, "edit", held)
    async with scene.delivery() as delivery:
        delivery.start(lambda: words)
        await asyncio.wait_for(calling.wait(), 10)
        words = "Es ist"
        delivery.grown()
        asyncio.get_running_loop().call_soon(free.set)
        await delivery.finish("Es ist zwölf.")

    assert edits == [False, True]


async def test_a_place_in_the_queue_is_not_waited_for_for_ever(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_delivery, "_LONGEST_QUEUE", 0.01)
    monkeypatch.setattr(bot_delivery, "_PATIENCE", 0.01)
    monkeypatch.setattr(scene.platform, "pace", lambda *_, **__: asyncio.Event().wait())

    async with scene.delivery() as delivery:
        with pytest.raises(TooFast):
            await delivery.finish("Zwölf Uhr.")
        await delivery.show_once("Moment …")


async def test_an_answer_does_not_wait_for_its_typing_sign(
    scene: Scene, telegram: StandInTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_delivery, "_PATIENCE", 0.01)
    telegram.fail_next("sendChatAction", FaultKind.SLOW, seconds=60)

    async with scene.delivery() as delivery, asyncio.timeout(10):
        delivery.start(lambda: "")
        await telegram.wait_for(lambda: telegram.calls["sendChatAction"])
        await delivery.finish("Zwölf Uhr.")

    assert shown(telegram) == ["Zwölf Uhr."]
