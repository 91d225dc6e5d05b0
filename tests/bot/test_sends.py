"""The messages of an answer: each is known, or looked for, and none is sent twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from adapters.standins.slack import FaultKind as SlackFault
from adapters.stores.sql import database as sql_database
from bot import delivery as bot_delivery
from bot.lease import Lease
from bot.sends import Sends
from conversation.errors import StoreUnavailable
from tests.support.databases import Rows
from tests.support.delivering import scene_of
from tests.support.slack_desk import scene as slack_scene
from tests.support.slack_desk import without_streams

if TYPE_CHECKING:
    from pathlib import Path


async def test_on_a_platform_that_can_look_a_send_that_was_cut_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_delivery, "_FIRST_RETRY", 0)
    async with slack_scene() as slack:
        place = await slack.question()
        without_streams(slack)
        slack.standin.fail_next("chat.postMessage", SlackFault.RESET_AFTER)
        async with scene_of(slack.slack, place, tmp_path) as scene, scene.delivery() as delivery:
            await delivery.finish("Zwölf Uhr.")
            rows = await Rows(scene.database).select("SELECT state FROM sends")

        assert [line.text for line in slack.ours(place)] == ["Zwölf Uhr."]
        assert rows == [("sent",)]


async def test_a_message_that_may_stand_beyond_a_shorter_ending_is_looked_for_and_taken_back(tmp_path: Path) -> None:
    async with slack_scene() as slack:
        place = await slack.question()
        async with scene_of(slack.slack, place, tmp_path) as scene:
            first, second = [await scene.inbox.sending(scene.claim, part) for part in (0, 1)]
            without_streams(slack)
            await scene.inbox.sent(scene.claim, first, await slack.slack.begin(place, first))
            # Sent by a worker that was killed before it could note it.
            await slack.slack.begin(place, second)
            await scene.next_attempt()

            async with scene.delivery() as delivery:
                await delivery.finish("Kurz.")

        assert [line.text for line in slack.ours(place)] == ["Kurz."]


async def test_a_message_is_not_taken_for_two_parts(tmp_path: Path) -> None:
    async with slack_scene() as slack:
        place = await slack.question()
        async with scene_of(slack.slack, place, tmp_path) as scene:
            # A stream carries nothing by which it could be known; the second one was never begun.
            first, _ = [await scene.inbox.sending(scene.claim, part) for part in (0, 1)]
            await scene.inbox.sent(scene.claim, first, await slack.slack.begin(place, first))
            await scene.next_attempt()
            async with slack.restarted() as successor:
                scene.platform = successor.slack
                async with scene.delivery() as delivery:
                    assert await delivery._sends.find(1) is None


async def test_an_id_that_could_not_be_stored_is_stored_once_the_database_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_database, "LOCK_SECONDS", 0.05)
    async with slack_scene() as slack:
        place = await slack.question()
        without_streams(slack)
        held = slack.standin.hold_next("chat.postMessage")
        async with scene_of(slack.slack, place, tmp_path) as scene:
            async with Lease(scene.inbox, scene.claim, 60, on_stop=lambda: None) as lease:
                sends = Sends(scene.platform, scene.inbox, scene.claim, place, lease)
                sending = asyncio.create_task(sends.message(0))
                await held.arrived.wait()
                async with scene.database.writing():
                    held.release()
                    with pytest.raises(StoreUnavailable):
                        await sending
                message_id = await sends.message(0)

            assert await Rows(scene.database).select("SELECT state, message_id FROM sends") == [("sent", message_id)]
        assert len(slack.ours(place)) == 1
