from __future__ import annotations

from dataclasses import replace

import pytest

from conversation.answering import Answering
from conversation.commands import Command, read
from conversation.errors import ModelServerRefused, ModelServerUnreachable
from conversation.profiles import EM_GERMAN, QWEN_CODER
from conversation.texts import ENGLISH, GERMAN
from conversation.turns import Ending, EndingKind
from tests.support.dialogues import ScriptedModel, claim, dialogue
from tests.support.words import question


async def told(command: Command, locale: str | None = None, model: ScriptedModel | None = None) -> Ending:
    """What a command says; no model is asked for it, and it greets nobody."""
    model = model or ScriptedModel()
    answering = Answering(claim(question(command), command=command), locale=locale, greet=True)
    ending = await dialogue(model).command(answering)
    assert (ending.kind, ending.text, ending.lead, model.prompts) == (EndingKind.NOTICE, "", "", [])
    return ending


async def test_new_starts_afresh() -> None:
    ending = await told(Command.NEW)
    assert (ending.shown, ending.starts_afresh) == (GERMAN.afresh, True)
    assert (await told(Command.NEW, "en")).shown == ENGLISH.afresh


@pytest.mark.parametrize("command", [Command.STOP, Command.HELP, Command.ABOUT])
async def test_no_other_command_starts_afresh(command: Command) -> None:
    assert not (await told(command)).starts_afresh


async def test_stop_that_finds_nothing_says_so() -> None:
    assert (await told(Command.STOP)).shown == GERMAN.nothing_to_stop
    assert (await told(Command.STOP, "en")).shown == ENGLISH.nothing_to_stop


async def test_what_is_too_much_gets_a_notice_without_the_model() -> None:
    for locale, texts in ((None, GERMAN), ("en", ENGLISH)):
        model = ScriptedModel()
        answering = Answering(claim(question(), command=Command.FULL), locale=locale, greet=True)
        ending = await dialogue(model).command(answering)
        assert (ending.kind, ending.shown, model.prompts) == (EndingKind.REFUSED, texts.full, [])


def test_no_words_of_a_person_say_that_it_is_full() -> None:
    assert read(question("full")) is read(question("/full")) is None


async def test_help_gives_the_overview() -> None:
    assert (await told(Command.HELP)).shown == GERMAN.help
    assert (await told(Command.HELP, "en_US")).shown == ENGLISH.help


async def test_about_names_the_model_as_the_server_calls_it_and_its_licence() -> None:
    shown = (await told(Command.ABOUT, model=ScriptedModel(name="em_german_70b"))).shown
    assert shown == GERMAN.about.format(model="em_german_70b", licence=EM_GERMAN.licence)
    shown = (await told(Command.ABOUT, "en", ScriptedModel(name="em_german_70b"))).shown
    assert shown == ENGLISH.about.format(model="em_german_70b", licence=EM_GERMAN.licence_in_english)


@pytest.mark.parametrize(
    "model",
    [
        ScriptedModel(name=""),
        ScriptedModel(trouble=ModelServerUnreachable("loading")),
        ScriptedModel(trouble=ModelServerRefused("no such page")),
    ],
)
async def test_about_answers_without_the_server_too(model: ScriptedModel) -> None:
    assert f"`{EM_GERMAN.called}`" in (await told(Command.ABOUT, model=model)).shown


def test_a_licence_is_told_in_the_persons_language_where_that_differs() -> None:
    assert EM_GERMAN.licence_for("de") == EM_GERMAN.licence_for(None) == EM_GERMAN.licence
    assert EM_GERMAN.licence_for("en") == EM_GERMAN.licence_in_english != EM_GERMAN.licence
    assert QWEN_CODER.licence_for("en") == QWEN_CODER.licence
    assert replace(QWEN_CODER, licence_in_english="x").licence_for("de") == QWEN_CODER.licence


async def test_what_is_no_known_command_gives_the_overview() -> None:
    ending = await dialogue(ScriptedModel()).command(Answering(claim(command="dance")))
    assert ending.shown == GERMAN.help
