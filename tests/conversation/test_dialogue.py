from __future__ import annotations

from contextlib import aclosing
from datetime import timedelta

import pytest

from conversation.answering import Answering
from conversation.generation import Finish, FinishReason, Sampling, Token
from conversation.messages import Attachment
from conversation.profiles import EM_GERMAN, QWEN_CODER
from conversation.texts import ENGLISH, GERMAN
from conversation.turns import EndingKind
from tests.support.dialogues import (
    EARLY,
    SYSTEM_PROMPT,
    ScriptedModel,
    asked,
    claim,
    dialogue,
    digest_of,
    ending_of,
    pieces_and_ending,
)
from tests.support.words import question

USED_UP = Finish(FinishReason.TOKENS)


async def test_pieces_stream_and_end_with_exactly_one_ending() -> None:
    model = ScriptedModel([" Zwölf", " Uhr", "."])
    pieces, ending = await pieces_and_ending(dialogue(model), asked("Wie spät ist es?"))
    assert pieces == ["Zwölf", " Uhr", "."]
    assert (ending.kind, ending.text, ending.lead, ending.trail) == (EndingKind.ANSWER, "Zwölf Uhr.", "", "")
    assert ending.record.finish is FinishReason.END
    assert model.open_streams == 0


async def test_each_piece_is_shown_before_the_model_is_asked_for_the_next() -> None:
    model = ScriptedModel(["Zwölf", " Uhr"])
    answering = asked("Wie spät ist es?")
    async with aclosing(dialogue(model).answer(answering, [])) as events:
        assert await anext(events) == "Zwölf"
        assert (model.told, answering.text) == (1, "Zwölf")


async def test_special_tokens_are_never_shown() -> None:
    model = ScriptedModel([Token("<unk>", special=True), "Ja", Token("<0x00>", special=True), ".", Token("</s>", True)])
    assert (await ending_of(dialogue(model), asked("Kommst du?"))).text == "Ja."


async def test_what_no_database_can_hold_is_left_out_of_the_answer() -> None:
    model = ScriptedModel(["J\0a", "\ud83d", "."])
    pieces, ending = await pieces_and_ending(dialogue(model), asked("Kommst du?"))
    assert (pieces, ending.text) == (["Ja", "."], "Ja.")


@pytest.mark.parametrize("pieces", [["Ja. ", "USER", ":", " Und?"], ["Ja. USER: Und?"], ["Ja.", "\nASSISTANT: Und?"]])
async def test_a_role_word_that_the_model_writes_ends_the_answer_and_closes_the_stream(pieces: list[str]) -> None:
    model = ScriptedModel([*pieces, " Noch", " mehr"])
    ending = await ending_of(dialogue(model), asked("Kommst du?"))
    assert (ending.text, ending.trail, ending.record.finish) == ("Ja.", "", FinishReason.ROLE_WORD)
    assert (model.open_streams, model.told <= len(pieces)) == (0, True)


@pytest.mark.parametrize("last", [[], [USED_UP]])
async def test_a_role_word_that_is_certain_only_at_the_end_is_one_too(last: list[Finish]) -> None:
    ending = await ending_of(dialogue(ScriptedModel(["Ja. ` ", "USER: Und?", *last])), asked("Kommst du?"))
    assert (ending.text, ending.trail, ending.record.finish) == ("Ja. `", "", FinishReason.ROLE_WORD)


async def test_what_was_held_back_is_shown_at_the_end() -> None:
    pieces, ending = await pieces_and_ending(dialogue(ScriptedModel(["Vitamin", " A"])), asked("Welches?"))
    assert (pieces, ending.text) == (["Vitamin", " A"], "Vitamin A")


async def test_an_answer_whose_tokens_are_used_up_says_how_to_go_on() -> None:
    ending = await ending_of(dialogue(ScriptedModel(["Erstens", " U", USED_UP])), asked("Zähl auf."))
    assert (ending.kind, ending.text, ending.trail) == (EndingKind.ANSWER, "Erstens U", GERMAN.tokens_used_up)
    assert "weiter" in ending.shown
    english = await ending_of(dialogue(ScriptedModel(["First", USED_UP])), asked("List them.", locale="en-GB"))
    assert "continue" in english.shown


@pytest.mark.parametrize("script", [[], [" ", "\n"], [" ", USED_UP], ["USER: Und?"]])
async def test_an_answer_without_words_says_so(script: list[str | Finish]) -> None:
    pieces, ending = await pieces_and_ending(dialogue(ScriptedModel(script)), asked("Kommst du?"))
    assert (pieces, ending.kind, ending.text) == ([], EndingKind.ANSWER, "")
    assert ending.shown == GERMAN.no_words


async def test_files_without_words_are_answered_without_the_model() -> None:
    model = ScriptedModel()
    files = question(" ", attachments=(Attachment("plan.pdf", "application/pdf"),))
    ending = await ending_of(dialogue(model), Answering(claim(files)))
    assert (ending.kind, ending.shown) == (EndingKind.REFUSED, GERMAN.only_files)
    assert model.prompts == []


async def test_our_name_alone_is_answered_with_the_overview() -> None:
    model = ScriptedModel()
    ending = await ending_of(dialogue(model), asked("\n", locale="en"))
    assert (ending.kind, ending.shown, model.prompts) == (EndingKind.NOTICE, ENGLISH.help, [])


async def test_words_in_any_message_of_the_turn_are_enough() -> None:
    model = ScriptedModel()
    files = question("", attachments=(Attachment("plan.pdf", "application/pdf"),))
    ending = await ending_of(dialogue(model), Answering(claim(question("Sieh mal!"), files)))
    assert (ending.text, len(model.prompts)) == ("Ja.", 1)


async def test_stopping_closes_the_models_stream_and_what_was_written_stays() -> None:
    model = ScriptedModel(["Zwölf", " Uhr", " dreißig"])
    answering = asked("Wie spät ist es?")
    events = dialogue(model).answer(answering, [])
    assert [await anext(events), await anext(events)] == ["Zwölf", " Uhr"]
    assert model.open_streams == 1
    await events.aclose()
    assert (model.open_streams, model.told) == (0, 2)
    ending = answering.stopped()
    assert (ending.kind, ending.text, ending.trail) == (EndingKind.STOPPED, "Zwölf Uhr", GERMAN.stopped)
    assert ending.record.finish is FinishReason.STOPPED
    assert ending.record.last_token_at is not None


async def test_the_record_says_how_the_answer_was_made() -> None:
    model = ScriptedModel(["Zwölf", " Uhr", Finish(FinishReason.END, 11, 3)], name="em-70b")
    answering = Answering(claim(question("Wie spät?"), failures=2, since=1, position=4))
    talk = dialogue(model, temperature=0.6, top_k=40)
    record = (await ending_of(talk, answering)).record
    assert (record.model, record.profile, record.system_prompt) == ("em-70b", EM_GERMAN.name, SYSTEM_PROMPT)
    assert record.sampling == {"answer_tokens": 1024, "temperature": 0.6, "top_k": 40, "stops": ()}
    assert record.prompt_digest == digest_of(model.prompts[0])
    assert (record.prompt_tokens, record.answer_tokens) == (11, 3)
    assert (record.attempts, record.cut, record.claimed_at) == (3, 1, EARLY + timedelta(seconds=2))
    times = [record.requested_at, record.first_token_at, record.last_token_at]
    assert times == [EARLY + timedelta(minutes=1, seconds=seconds) for seconds in (2, 3, 4)]


async def test_the_server_gets_the_personas_sampling_and_the_formats_stops() -> None:
    model = ScriptedModel()
    await ending_of(dialogue(model, profile=QWEN_CODER, answer_tokens=50, top_p=0.9), asked("Kommst du?"))
    assert model.samplings == [Sampling(50, top_p=0.9, stops=("<|im_end|>", "<|im_start|>"))]
    assert model.prompts[0].startswith(f"<|im_start|>system\n{SYSTEM_PROMPT}<|im_end|>\n")


async def test_the_answer_has_half_of_a_small_window_at_most() -> None:
    model = ScriptedModel(window=101)
    assert (await ending_of(dialogue(model), asked("Kommst du?"))).record.sampling["answer_tokens"] == 50
    assert model.samplings[0].answer_tokens == 50


async def test_the_notice_that_this_is_an_ai_leads_only_an_answer_to_a_person_who_has_not_read_it() -> None:
    talk = dialogue(ScriptedModel())
    greeting, known = asked("Hallo", greet=True), asked("Hallo")
    assert (await ending_of(talk, greeting)).shown == f"{GERMAN.ai_notice}\n\nJa."
    assert (await ending_of(talk, known)).shown == "Ja."
    files = question("", attachments=(Attachment("plan.pdf", "application/pdf"),))
    assert (await ending_of(talk, Answering(claim(files), greet=True))).lead == ""


@pytest.mark.parametrize(("locale", "texts"), [(None, GERMAN), ("de-AT", GERMAN), ("fr", GERMAN), ("en-US", ENGLISH)])
async def test_the_persons_language_decides_and_german_is_the_default(locale: str | None, texts: object) -> None:
    ending = await ending_of(dialogue(ScriptedModel([""])), asked("Hm", locale=locale, greet=True))
    spoken = GERMAN if texts is GERMAN else ENGLISH
    assert ending.shown == f"{spoken.ai_notice}\n\n{spoken.no_words}"
