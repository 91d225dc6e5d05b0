from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from adapters.platforms.telegram import Telegram
from adapters.platforms.telegram.receiving import Receiver
from adapters.standins.telegram.faults import FaultKind
from adapters.standins.telegram.world import Tuning
from conversation.errors import PlatformUnreachable
from tests.support.telegram import ASKER, OTHER, standing_in
from tests.support.telegram_desk import US, Desk, Pauses, both, message, polling, started

if TYPE_CHECKING:
    from adapters.platforms.telegram.polling import Poller

EAGER = Tuning(patience=0)


def poller_of(telegram: Telegram) -> Poller:
    assert telegram.poller is not None
    return telegram.poller


async def test_messages_arrive_in_their_order_and_are_confirmed_after_the_commit() -> None:
    async with both(EAGER) as (standin, telegram):
        desk = Desk()
        for number in range(5):
            standin.say(ASKER, f"eins {number}")
            standin.say(OTHER, f"zwei {number}")
        async with polling(telegram, desk):
            await desk.texts(10)
            newest = standin.pending[-1].update_id if standin.pending else standin.confirmed
            await standin.wait_for(lambda: standin.confirmed == newest)
        for person in (ASKER, OTHER):
            mine = [m.text for m in desk.received if m.author.id == str(person.id)]
            assert mine == sorted(mine)


async def test_what_cannot_be_stored_is_not_confirmed_and_comes_again() -> None:
    async with standing_in(EAGER) as (standin, _):
        pause = Pauses()
        async with started(standin, pause=pause) as telegram:
            desk = Desk(away=3)
            standin.say(ASKER, "eins")
            async with polling(telegram, desk):
                assert await desk.texts(1) == ["eins"]
                assert pause.seconds == [1, 2, 4]
                await standin.wait_for(lambda: not standin.pending)


async def test_nothing_is_confirmed_while_the_database_is_away() -> None:
    async with standing_in(EAGER) as (standin, _), started(standin) as telegram:
        desk = Desk(away=10**9)
        standin.say(ASKER, "eins")
        async with polling(telegram, desk):
            await standin.wait_for(lambda: standin.calls["getUpdates"] > 5)
            assert [update.update_id for update in standin.pending] == [1]
            assert poller_of(telegram).trouble == "what came can't be stored: the database is away"
            desk.away = 0
            await desk.texts(1)
            await standin.wait_for(lambda: not standin.pending)
            assert poller_of(telegram).trouble is None


async def test_one_chat_that_is_not_stored_brings_the_whole_batch_again_and_doubles_nothing() -> None:
    async with both(EAGER) as (standin, telegram):
        desk = Desk(away=1)
        standin.say(ASKER, "eins")
        standin.say(OTHER, "zwei")
        async with polling(telegram, desk):
            await desk.texts(2)
            await standin.wait_for(lambda: not standin.pending)
            assert sorted(message.text for message in desk.received) == ["eins", "zwei"]


async def test_ids_that_begin_anew_do_not_make_the_bot_deaf() -> None:
    async with both(Tuning(patience=0, first_update_id=900_000)) as (standin, telegram):
        desk = Desk()
        async with polling(telegram, desk):
            standin.say(ASKER, "eins")
            await desk.texts(1)
            await standin.wait_for(lambda: not standin.pending)
            standin._world.updates._next_id = 17
            standin.say(ASKER, "zwei")
            await desk.texts(2)
            await standin.wait_for(lambda: not standin.pending)


async def test_an_odd_update_is_kept_and_holds_up_nobody() -> None:
    async with both(EAGER) as (standin, telegram):
        desk = Desk(broken={"kaputt"})
        standin.say(ASKER, "", fields={"something_new": {"\ud800": "\0"}})
        standin.say(ASKER, "kaputt")
        standin.say(ASKER, "danach")
        async with polling(telegram, desk):
            assert await desk.texts(1) == ["danach"]
            await standin.wait_for(lambda: not standin.pending)
        assert [reason for _, reason in desk.kept] == [
            "the message has a content that is not known here",
            "not accepted: ValueError",
        ]
        assert "kaputt" in desk.kept[1][0]


async def test_an_update_that_breaks_the_reading_itself_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr("adapters.platforms.telegram.receiving.normalise", broken)
    desk = Desk()
    await Receiver(desk, US, lambda _old, _new: None).take(message("Hallo"))
    assert desk.kept[0][1] == "not understood: RecursionError"


async def test_what_is_kept_can_be_stored() -> None:
    desk = Desk()
    await Receiver(desk, US, lambda _old, _new: None).take({"update_id": 1, "message": "\ud800\0"})
    assert desk.kept[0][0].encode() == b'{"update_id": 1, "message": "\\u0000"}'


async def test_a_group_that_moves_is_written_to_where_it_is_now() -> None:
    moved: list[tuple[str, str]] = []
    update = message("", {"id": -5, "type": "group"}, migrate_to_chat_id=-1009)
    await Receiver(Desk(), US, lambda old, new: moved.append((old, new))).take(update)
    assert moved == [("-5", "-1009")]


async def test_a_webhook_is_taken_away_and_what_waits_for_it_is_kept() -> None:
    async with both(EAGER) as (standin, telegram):
        await telegram.set_webhook("http://127.0.0.1:9/telegram/webhook", "geheim")
        standin.say(ASKER, "eins")
        desk = Desk()
        async with polling(telegram, desk):
            assert await desk.texts(1) == ["eins"]
        assert standin.webhook is None


async def test_all_kinds_of_updates_that_are_wanted_are_asked_for() -> None:
    async with both(EAGER) as (standin, telegram):
        async with polling(telegram, Desk()):
            await standin.wait_for(lambda: standin.calls["getUpdates"])
            await standin.wait_for(lambda: standin._world.updates.allowed)
        assert standin._world.updates.allowed == ["edited_message", "message", "my_chat_member"]


@pytest.mark.parametrize(
    ("kind", "trouble", "pauses"),
    [
        (FaultKind.TOO_MANY_REQUESTS, "429: Telegram wants a pause of 7 s", [7, 7]),
        (FaultKind.SERVER_ERROR, "Telegram has trouble: HTTP 500", [1, 2]),
        (FaultKind.BAD_GATEWAY, "the connection to Telegram was cut", [1, 2]),
        (FaultKind.RESET_BEFORE, "the connection to Telegram was cut", [1, 2]),
    ],
)
async def test_the_loop_outlives_every_failure(
    kind: FaultKind, trouble: str, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with standing_in(EAGER) as (standin, _):
        pause = Pauses()
        async with started(standin, pause=pause) as telegram:
            desk = Desk()
            standin.fail_next("getUpdates", kind, times=2, seconds=7)
            standin.say(ASKER, "eins")
            async with polling(telegram, desk):
                assert await desk.texts(1) == ["eins"]
            assert pause.seconds == pauses
            assert [r.getMessage() for r in caplog.records if "no updates" in r.message] == [f"no updates: {trouble}"]
            assert standin.token not in caplog.text


async def test_a_webhook_that_cannot_be_taken_away_yet_is_tried_again() -> None:
    async with both(EAGER) as (standin, telegram):
        standin.fail_next("deleteWebhook", FaultKind.SERVER_ERROR, times=2)
        desk = Desk()
        standin.say(ASKER, "eins")
        async with polling(telegram, desk):
            await desk.texts(1)
        assert standin.calls["deleteWebhook"] == 3


async def test_a_second_poller_is_said_and_outlived() -> None:
    async with standing_in(EAGER) as (standin, bot):
        pause = Pauses()
        async with started(standin, pause=pause) as telegram, polling(telegram, desk := Desk()):
            await standin.wait_for(lambda: standin.calls["getUpdates"])
            await standin.wait_for(lambda: standin._world.updates._poller)
            await bot.ask("getUpdates", timeout=0, offset=0)
            other = asyncio.create_task(bot.ask("getUpdates", timeout=1))
            await standin.wait_for(lambda: standin.calls["getUpdates"] > 3)
            standin.say(ASKER, "eins")
            await desk.texts(1)
            await other
            # It gives way more and more, but comes back soon after the first time.
            assert pause.seconds[:3] == [1, 2, 4][: len(pause.seconds[:3])]
            assert pause.seconds


async def test_a_token_that_is_refused_while_running_does_not_end_the_loop() -> None:
    async with standing_in(EAGER) as (standin, _):
        pause = Pauses()
        async with started(standin, pause=pause) as telegram:
            desk = Desk()
            right, standin._token = standin._token, "1000000001:other"
            async with polling(telegram, desk):
                await pause.reach(3)
                assert poller_of(telegram).trouble == "401: Telegram refuses the token"
                standin._token = right
                standin.say(ASKER, "eins")
                assert await desk.texts(1) == ["eins"]
            assert set(pause.seconds) == {30}


async def test_nobody_polls_before_knowing_who_they_are() -> None:
    with pytest.raises(PlatformUnreachable):
        await Telegram("1:a").poll(Desk())


async def test_edits_blocks_and_groups_come_through_the_wire() -> None:
    async with both(EAGER) as (standin, telegram):
        desk = Desk()
        group = standin.supergroup("Haus", ASKER, OTHER)
        asked = standin.say(group, "/ask Wie spat?", ASKER)
        standin.edit(group, asked, "/ask Wie spät?")
        standin.block(OTHER)
        standin.say(group, "/neu@plausch_bot", ASKER)
        async with polling(telegram, desk):
            assert await desk.texts(3) == ["Wie spat?", "Wie spät?", "/neu"]
            await standin.wait_for(lambda: not standin.pending)
        first, edited, _ = desk.received
        assert first.identity == edited.identity
        assert edited.edit


@pytest.mark.parametrize(("answer", "pauses", "kept"), [({"a": 1}, [1], 0), ([{"a": 1}, None], [], 2)])
async def test_an_odd_answer_is_outlived(answer: object, pauses: list[float], kept: int) -> None:
    answers = [answer]
    async with standing_in(EAGER) as (standin, _):
        pause = Pauses()
        async with started(standin, pause=pause) as telegram:
            post = telegram._api._post

            async def once_odd(endpoint: str, *args: Any, **more: Any) -> Any:
                return answers.pop() if endpoint == "getUpdates" and answers else await post(endpoint, *args, **more)

            object.__setattr__(telegram._api, "_post", once_odd)
            desk = Desk()
            standin.say(ASKER, "eins")
            async with polling(telegram, desk):
                assert await desk.texts(1) == ["eins"]
            assert pause.seconds == pauses
            assert len(desk.kept) == kept
