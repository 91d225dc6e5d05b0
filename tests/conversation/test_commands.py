from __future__ import annotations

import pytest

from conversation.commands import WORDS, Command, read
from conversation.messages import Attachment
from tests.support.words import question

NEW, STOP, HELP, ABOUT = Command.NEW, Command.STOP, Command.HELP, Command.ABOUT
EACH_WORD = {
    "neu": NEW,
    "new": NEW,
    "stop": STOP,
    "stopp": STOP,
    "hilfe": HELP,
    "help": HELP,
    "info": ABOUT,
    "about": ABOUT,
}


def test_these_are_the_words() -> None:
    assert WORDS == EACH_WORD


@pytest.mark.parametrize(("word", "command"), EACH_WORD.items())
def test_each_word_is_a_command_bare_with_a_slash_and_however_it_is_written(word: str, command: Command) -> None:
    for text in (word, f"/{word}", word.upper(), f"/{word.title()}", f" \n{word}\t", f"/{word} bitte"):
        assert read(question(text)) is command


def test_a_chat_that_is_opened_begins_with_the_overview() -> None:
    assert read(question("/start")) is HELP
    assert read(question("/start ref-17")) is HELP
    assert read(question("start")) is None


@pytest.mark.parametrize("word", ["weiter", "continue", "/weiter", "/continue"])
def test_going_on_is_no_command(word: str) -> None:
    assert read(question(word)) is None


@pytest.mark.parametrize(
    "text", ["", " ", "/", " / ", "stop bitte", "was ist neu", "neues", "`stop`", "//stop", "/tanz", "stop\nneu"]
)
def test_everything_else_is_for_the_model(text: str) -> None:
    assert read(question(text)) is None


@pytest.mark.parametrize("text", ["stop", "/stop"])
def test_in_a_room_a_word_is_a_command_only_after_our_name(text: str) -> None:
    assert read(question(text, direct=False)) is None
    assert read(question(text, direct=False, mentioned=True)) is STOP
    assert read(question(text, direct=True, mentioned=False)) is STOP


@pytest.mark.parametrize("text", ["stop", "/stop"])
def test_a_word_below_a_file_or_in_an_edit_is_no_command(text: str) -> None:
    assert read(question(text, attachments=(Attachment("a.txt", "text/plain"),))) is None
    assert read(question(text, edit="1700000000")) is None
