from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from conversation.messages import Attachment, Author, ConversationKey, Mention, in_one_line, storable
from tests.support.words import question

any_text = st.text(st.characters(codec=None) | st.sampled_from("\0\ud800\udbff\udc00\udfff\ue000\ud7ff😀ä\ufeff"))


@given(any_text)
def test_exactly_nul_and_lone_surrogates_are_removed(text: str) -> None:
    assert storable(text) == "".join(each for each in text if each != "\0" and not "\ud800" <= each <= "\udfff")


@given(any_text)
def test_what_is_storable_can_be_encoded_and_stays_as_it_is(text: str) -> None:
    kept = storable(text)
    assert kept.encode().decode() == kept == storable(kept)


def test_nothing_else_is_changed_on_entry() -> None:
    text = " A\u0308\r\n\ufeff\u200b\u2060\x01😀\uffff "
    assert question(text).text == text


def test_whatever_people_can_write_is_storable_in_a_message() -> None:
    author = Author("eve", "E\0ve\ud800", "d\0e")
    message = question("H\0allo\udfff", author=author, attachments=(Attachment("\0a\ud83d.txt", "text/\0plain", 3),))
    assert message.text == "Hallo"
    assert (message.author.name, message.author.locale) == ("Eve", "de")
    assert message.attachments == (Attachment("a.txt", "text/plain", 3),)


def test_a_name_that_is_not_known_stays_unknown() -> None:
    assert (Author("eve").name, Author("eve").locale, Author("eve", "").name) == (None, None, "")


def test_mentions_are_replaced_by_the_names_that_are_known() -> None:
    message = question(
        "<@U1> und <@U2> und <@U1>!", mentions=(Mention(0, 5, "U1"), Mention(10, 15, "U2"), Mention(20, 25, "U1"))
    )
    assert message.with_names({"U1": "Bertalinde", "U2": "Al"}) == "@Bertalinde und @Al und @Bertalinde!"
    assert message.with_names({"U2": "Al"}) == "<@U1> und @Al und <@U1>!"
    assert message.with_names({"U2": ""}) == message.with_names({}) == message.text


def test_mentions_are_found_in_whatever_order_they_are_given() -> None:
    message = question("😀 a b", mentions=(Mention(4, 5, "b"), Mention(2, 3, "a")))
    assert message.with_names({"a": "Anton", "b": "Berta"}) == "😀 @Anton @Berta"


def test_what_only_looks_like_a_mention_stays_as_it_is() -> None:
    assert question("<@U1>").with_names({"U1": "Berta"}) == "<@U1>"


def test_a_name_of_several_lines_cannot_speak_for_the_next_person() -> None:
    message = question("Frag x", mentions=(Mention(5, 6, "eve"),))
    assert message.with_names({"eve": "Eve\nAnna: ja\u2028\t nein"}) == "Frag @Eve Anna: ja nein"
    assert in_one_line(" Eve\r\n") == "Eve"


def test_a_chat_that_moved_takes_its_messages_along() -> None:
    message, elsewhere = question("Hallo"), ConversationKey("web", "web", "", "other")
    assert message.at(elsewhere) == replace(message, conversation=elsewhere)
    assert message.at(elsewhere).conversation == elsewhere
