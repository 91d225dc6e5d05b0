from __future__ import annotations

import asyncio

import pytest

from adapters.standins.telegram.changes import ChangeKind
from adapters.standins.telegram.world import Tuning
from tests.support.telegram import ASKER, FAST, OTHER, ManualClock, standing_in

OPEN = Tuning(limits=None, privacy_mode=False)


async def test_commands_and_mentions_are_found_by_utf16_offsets() -> None:
    async with standing_in(OPEN) as (telegram, _):
        telegram.say(ASKER, "😀 /neu@plausch_bot und @plausch_bot, https://example.org/a. #Zeit a/b /übung")
        entities = telegram.updates[-1]["message"]["entities"]
        assert [(e["type"], e["offset"], e["length"]) for e in entities] == [
            ("bot_command", 3, 16),
            ("mention", 24, 12),
            ("url", 38, 21),
            ("hashtag", 61, 5),
        ]


async def test_entities_that_are_given_are_taken() -> None:
    async with standing_in(OPEN) as (telegram, _):
        code = {"type": "code", "offset": 0, "length": 4}
        message = telegram.say(ASKER, "/neu", entities=[code])
        assert telegram.updates[-1]["message"]["entities"] == [code]
        telegram.edit(ASKER, message, "neu")
        assert "entities" not in telegram.updates[-1]["edited_message"]
        assert telegram.updates[-1]["edited_message"]["edit_date"]


async def test_fields_bring_what_is_no_text() -> None:
    async with standing_in(OPEN) as (telegram, _):
        telegram.say(ASKER, "", fields={"caption": "Sieh", "photo": [{"file_id": telegram.upload(b"x")}]})
        message = telegram.updates[-1]["message"]
        assert message["caption"] == "Sieh"
        assert "text" not in message


async def test_privacy_mode_passes_on_commands_and_replies_only() -> None:
    async with standing_in(FAST) as (telegram, bot):
        group = telegram.group("Runde", ASKER, OTHER)
        ours = (await bot.do("sendMessage", chat_id=group.id, text="Hallo"))["message_id"]
        for text in ("Hallo alle", "@plausch_bot hallo", "/neu@other_bot", "/neu", "/neu@PLAUSCH_bot"):
            telegram.say(group, text, ASKER)
        telegram.say(group, "Danke", OTHER, reply_to=ours)
        assert [update["message"]["text"] for update in telegram.updates] == ["/neu", "/neu@PLAUSCH_bot", "Danke"]
        assert len(telegram.transcript(group)) == 7

        group.administrators.add(telegram.bot.id)
        telegram.say(group, "Jetzt alles", ASKER)
        assert telegram.updates[-1]["message"]["text"] == "Jetzt alles"


async def test_topics_carry_their_number_and_general_has_none() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        forum = telegram.forum("Runde", ASKER)
        topic = telegram.topic(forum, "Thema", ASKER)
        telegram.say(forum, "im Thema", ASKER, topic=topic)
        told = telegram.updates[-1]["message"]
        assert told["message_thread_id"] == topic
        assert told["is_topic_message"] is True
        assert told["chat"]["is_forum"] is True
        assert told["reply_to_message"]["forum_topic_created"]["name"] == "Thema"
        telegram.say(forum, "in General", ASKER)
        assert "message_thread_id" not in telegram.updates[-1]["message"]

        sent = await bot.do("sendMessage", chat_id=forum.id, text="Hallo", message_thread_id=topic)
        assert sent["message_thread_id"] == topic
        for thread in (1, 4711):
            refusal = await bot.refused("sendMessage", chat_id=forum.id, text="a", message_thread_id=thread)
            assert refusal == "Bad Request: message thread not found"
        refusal = await bot.refused("sendChatAction", chat_id=forum.id, action="typing", message_thread_id=1)
        assert refusal == "Bad Request: message thread not found"


async def test_a_supergroup_without_topics_numbers_threads_of_replies() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        room = telegram.supergroup("Saal", ASKER)
        root = telegram.say(room, "Frage", ASKER)
        reply = telegram.say(room, "Antwort", OTHER, reply_to=root)
        telegram.say(room, "Und?", ASKER, reply_to=reply)
        told = telegram.updates[-1]["message"]
        assert told["message_thread_id"] == root
        assert "is_topic_message" not in told
        assert told["reply_to_message"]["message_id"] == reply
        assert "reply_to_message" not in told["reply_to_message"]
        sent = await bot.do("sendMessage", chat_id=room.id, text="a", message_thread_id=root)
        assert "message_thread_id" not in sent


async def test_supergroups_count_their_messages_for_themselves() -> None:
    async with standing_in(OPEN) as (telegram, _):
        room = telegram.supergroup("Saal", ASKER)
        assert [telegram.say(ASKER, "a"), telegram.say(OTHER, "a"), telegram.say(room, "a", ASKER)] == [1, 2, 2]


async def test_who_blocks_the_bot_is_out_of_reach_until_it_is_taken_back() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.say(ASKER, "Hallo")
        telegram.block(ASKER)
        membership = telegram.updates[-1]["my_chat_member"]
        assert membership["new_chat_member"]["status"] == "kicked"
        refusal = await bot.refused("sendMessage", chat_id=ASKER.id, text="a")
        assert refusal == "Forbidden: bot was blocked by the user"
        telegram.unblock(ASKER)
        assert telegram.updates[-1]["my_chat_member"]["new_chat_member"]["status"] == "member"
        await bot.do("sendMessage", chat_id=ASKER.id, text="a")


async def test_a_bot_that_was_kicked_hears_and_says_nothing() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        group = telegram.group("Runde", ASKER)
        telegram.kick(group, ASKER)
        telegram.say(group, "Weg ist er", ASKER)
        assert list(telegram.updates[-1])[1] == "my_chat_member"
        refusal = await bot.refused("sendMessage", chat_id=group.id, text="a")
        assert refusal == "Forbidden: bot was kicked from the group chat"
        telegram.invite(group, ASKER)
        await bot.do("sendMessage", chat_id=group.id, text="a")


async def test_a_group_becomes_a_supergroup_under_another_id() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        group = telegram.group("Runde", ASKER)
        new = telegram.migrate(group)
        told = [update["message"] for update in telegram.updates]
        assert told[0]["migrate_to_chat_id"] == new.id
        assert told[1]["migrate_from_chat_id"] == group.id
        refusal = await bot.ask("sendMessage", chat_id=group.id, text="a")
        assert refusal["parameters"] == {"migrate_to_chat_id": new.id}
        await bot.do("sendMessage", chat_id=new.id, text="a")


async def test_a_button_must_be_there_unless_the_press_is_forged() -> None:
    clock = ManualClock()
    async with standing_in(OPEN, clock) as (telegram, bot):
        telegram.private(ASKER)
        sent = (await bot.do("sendMessage", chat_id=ASKER.id, text="a"))["message_id"]
        with pytest.raises(ValueError, match="no such button"):
            telegram.press(ASKER, sent, "stop")
        callback = telegram.press(ASKER, sent, "stop", forged=True)
        call = {"callback_query_id": callback}
        assert await bot.refused("answerCallbackQuery", **call, text="a" * 201) == "Bad Request: MESSAGE_TOO_LONG"
        clock.pass_(16)
        assert "query is too old" in await bot.refused("answerCallbackQuery", **call)
        assert "query is too old" in await bot.refused("answerCallbackQuery", callback_query_id="1")


async def test_mistakes_of_a_test_are_told() -> None:
    async with standing_in(OPEN) as (telegram, _):
        with pytest.raises(ValueError, match="say who writes"):
            telegram.say(telegram.group("Runde", ASKER), "Hallo")
        with pytest.raises(ValueError, match="there is no message"):
            telegram.edit(ASKER, 99, "Hallo")


async def test_a_pane_sees_every_change_until_the_end() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        changes = telegram.changes()
        question = telegram.say(ASKER, "Hallo")
        await bot.do("sendChatAction", chat_id=ASKER.id, action="typing")
        sent = (await bot.do("sendMessage", chat_id=ASKER.id, text="…"))["message_id"]
        await bot.do("editMessageText", chat_id=ASKER.id, message_id=sent, text="Na du")
        telegram.delete(ASKER, question)
    async with asyncio.timeout(5):
        seen = [change async for change in changes]
        assert [change async for change in telegram.changes()] == []

    kinds = [ChangeKind.MESSAGE, ChangeKind.TYPING, ChangeKind.MESSAGE, ChangeKind.EDIT, ChangeKind.DELETED]
    assert [change.kind for change in seen] == kinds
    edited = seen[3].message
    assert edited is not None
    assert edited.text == "Na du"


async def test_waiting_for_a_message_ends_when_it_is_there() -> None:
    async with standing_in(OPEN) as (telegram, bot):
        telegram.say(ASKER, "fertig?")
        waiting = asyncio.create_task(telegram.wait_for_message(ASKER, lambda message: "fertig" in message.text))
        sent = (await bot.do("sendMessage", chat_id=ASKER.id, text="…"))["message_id"]
        assert not waiting.done()
        await bot.do("editMessageText", chat_id=ASKER.id, message_id=sent, text="fertig")
        async with asyncio.timeout(5):
            assert (await waiting).message_id == sent
