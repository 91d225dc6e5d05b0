from __future__ import annotations

from typing import Any

import pytest

from adapters.platforms.telegram.normalise import normalise
from conversation import commands
from conversation.commands import Command
from conversation.messages import Attachment, Mention, Message
from tests.support.telegram_desk import GROUP, OUR_MESSAGE, PRIVATE, US, command, entity, message

REPLIED = {"message_id": 3, "from": {"id": 9, "is_bot": False, "first_name": "Other"}, "text": "Der Zug fährt um acht."}


def read(update: dict[str, Any]) -> Message:
    read = normalise(update, US)
    assert isinstance(read, Message)
    return read


# ── whom it is for ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_group_says_among_itself_is_not_for_us() -> None:
    assert normalise(message("Hat jemand Milch?", GROUP), US) is None


def test_our_name_in_a_group_calls_us() -> None:
    text = "@plausch_bot wie spät?"
    called = read(message(text, GROUP, entities=[entity("mention", text, "@plausch_bot")]))
    assert (called.text, called.mentioned, called.direct, called.addressed) == ("wie spät?", True, False, True)


def test_our_name_as_mere_text_does_not_call_us() -> None:
    assert normalise(message("schreib an @plausch_bot", GROUP), US) is None


def test_our_name_below_a_picture_calls_us() -> None:
    text = "@plausch_bot was ist das?"
    raw = message("", GROUP, caption=text, caption_entities=[entity("mention", text, "@plausch_bot")])
    raw["message"]["photo"] = [{"file_size": 10}, {"file_size": 900}]
    called = read(raw)
    assert (called.text, called.mentioned) == ("was ist das?", True)
    assert called.attachments == (Attachment("photo.jpg", "image/jpeg", 900),)


def test_a_reply_to_our_answer_is_for_us_without_calling_us() -> None:
    reply = read(message("Und morgen?", GROUP, reply_to_message=OUR_MESSAGE))
    assert (reply.text, reply.mentioned, reply.addressed) == ("Und morgen?", False, True)


def test_a_reply_to_somebody_else_is_not_for_us() -> None:
    assert normalise(message("Und morgen?", GROUP, reply_to_message=REPLIED), US) is None


def test_a_message_in_a_topic_that_we_opened_is_no_reply_to_us() -> None:
    opened = OUR_MESSAGE | {"forum_topic_created": {"name": "Allerlei"}}
    assert normalise(message("Hallo", GROUP, reply_to_message=opened), US) is None


def test_calling_us_and_saying_nothing_asks_what_we_do() -> None:
    called = read(message("@plausch_bot", GROUP, entities=[entity("mention", "@plausch_bot", "@plausch_bot")]))
    assert commands.read(called) is Command.HELP
    assert commands.read(read(command("/ask@plausch_bot", GROUP))) is Command.HELP


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("/neu", Command.NEW),
        ("/new@plausch_bot", Command.NEW),
        ("/STOP@Plausch_Bot", Command.STOP),
        ("/hilfe", Command.HELP),
        ("/help", Command.HELP),
        ("/start", Command.HELP),
        ("/start abc", Command.HELP),
        ("/info", Command.ABOUT),
        ("/about", Command.ABOUT),
    ],
)
@pytest.mark.parametrize("chat", [PRIVATE, GROUP])
def test_commands_reach_the_core(text: str, meant: Command, chat: dict[str, Any]) -> None:
    given_one = read(command(text, chat))
    assert given_one.mentioned
    assert given_one.text == text.split("@", maxsplit=1)[0].split(maxsplit=1)[0].casefold()
    assert commands.read(given_one) is meant


@pytest.mark.parametrize("text", ["/neu@other_bot", "/ask@other_bot wie spät?"])
@pytest.mark.parametrize("chat", [PRIVATE, GROUP])
def test_a_command_for_another_bot_is_left_to_it(text: str, chat: dict[str, Any]) -> None:
    assert normalise(command(text, chat), US) is None


def test_an_unknown_command_belongs_to_another_bot_in_groups_and_is_text_in_private() -> None:
    assert normalise(command("/roll 20", GROUP), US) is None
    assert read(command("/roll 20")).text == "/roll 20"
    assert read(command("/roll@plausch_bot 20", GROUP)).text == "/roll 20"


@pytest.mark.parametrize(("text", "said"), [("/weiter", "weiter"), ("/continue@plausch_bot bitte", "continue bitte")])
def test_going_on_is_said_to_the_model(text: str, said: str) -> None:
    assert read(command(text, GROUP)).text == said


def test_ask_is_its_text() -> None:
    text = "/ask@plausch_bot  was heißt 😀 wirklich?"
    raw = command(text, GROUP)
    raw["message"]["entities"] += [
        entity("bold", text, "wirklich"),
        entity("text_mention", text, "heißt", user={"id": 8}),
    ]
    asked = read(raw)
    assert (asked.text, asked.mentioned) == ("was heißt 😀 **wirklich**?", True)
    assert asked.mentions == (Mention(4, 9, "8"),)


def test_a_command_in_the_middle_is_text() -> None:
    text = "schreib /neu"
    assert read(message(text, entities=[entity("bot_command", text, "/neu")])).text == text


def test_mentions_move_behind_a_command() -> None:
    text = "/roll Anna"
    raw = command(text)
    raw["message"]["entities"].append(entity("text_mention", text, "Anna", user={"id": 8}))
    assert read(raw).mentions == (Mention(6, 10, "8"),)


# ── what it refers to ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_question_replies_to_stands_before_it_as_a_quote() -> None:
    assert read(command("/ask Stimmt das?", GROUP, reply_to_message=REPLIED)).text == (
        "> Der Zug fährt um acht.\n\nStimmt das?"
    )
    assert read(command("/ask", GROUP, reply_to_message=REPLIED)).text == "> Der Zug fährt um acht."


def test_a_quote_keeps_its_lines_and_its_code_and_moves_mentions() -> None:
    quoted = "Nimm das:\nx = 1"
    replied = REPLIED | {"text": quoted, "entities": [entity("pre", quoted, "x = 1", language="py")]}
    text = "Anna fragt"
    asked = message(text, reply_to_message=replied, entities=[entity("text_mention", text, "Anna", user={"id": 8})])
    got = read(asked)
    assert got.text == "> Nimm das:\n> ```py\n> x = 1\n> ```\n\nAnna fragt"
    assert [got.text[at.start : at.end] for at in got.mentions] == ["Anna"]


def test_our_own_answer_is_not_quoted_unless_a_part_was_marked() -> None:
    reply = message("Sicher?", reply_to_message=OUR_MESSAGE)
    assert read(reply).text == "Sicher?"
    reply["message"]["quote"] = {"text": "Zwölf", "position": 0}
    assert read(reply).text == "> Zwölf\n\nSicher?"


def test_a_command_carries_no_quote() -> None:
    assert read(command("/neu", GROUP, reply_to_message=REPLIED)).text == "/neu"


def test_a_long_quote_is_shortened() -> None:
    replied = REPLIED | {"text": "lang " * 1000}
    text = read(message("Kurz?", reply_to_message=replied)).text
    assert len(text) < 700
    assert text.endswith(" …\n\nKurz?")
