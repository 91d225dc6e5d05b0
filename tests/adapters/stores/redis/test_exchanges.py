from __future__ import annotations

import json
import zlib
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stores.redis.exchanges import Copy, Unreadable, pack, unpack
from conversation.messages import Attachment, Author, ConversationKey, Mention, Message
from conversation.turns import Exchange

FULL = Message(
    conversation=ConversationKey("slack", "T1", "C1", "1.2"),
    identity="T1:C1:1.2",
    author=Author("U1", "Jörg „J“", "de", is_bot=True),
    text="Frag @U2: Größe 🙂",
    sent_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2))),
    mentions=(Mention(5, 8, "U2"), Mention(0, 1, "U3")),
    attachments=(Attachment("plan.pdf", "application/pdf", 12), Attachment("b", "image/png")),
    edit="2",
    direct=False,
    mentioned=True,
    addressed=False,
    native_id="1.2",
)
PLAIN = Message(
    conversation=ConversationKey("web", "web", ""),
    identity="m1",
    author=Author("anna"),
    text="",
    sent_at=datetime(2026, 1, 2, tzinfo=UTC),
)

texts = st.text(st.characters(), max_size=30)
authors = st.builds(Author, texts, st.none() | texts, st.none() | texts, st.booleans())
messages = st.builds(
    replace,
    st.sampled_from([FULL, PLAIN]),
    conversation=st.builds(ConversationKey, texts, texts, texts, texts),
    identity=texts,
    author=authors,
    text=texts,
    sent_at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7, minutes=-30))])),
    mentions=st.lists(st.builds(Mention, st.integers(), st.integers(), texts), max_size=3).map(tuple),
    attachments=st.lists(st.builds(Attachment, texts, texts, st.none() | st.integers()), max_size=3).map(tuple),
)
exchanges = st.builds(Exchange, st.integers(1, 9), st.lists(messages, max_size=3).map(tuple), texts)
copies = st.builds(Copy, st.integers(1, 9), st.lists(exchanges, max_size=4).map(tuple))


@given(copies)
def test_what_is_packed_comes_back_exactly(copy: Copy) -> None:
    assert unpack(pack(copy)) == copy


def test_every_field_of_a_message_comes_back() -> None:
    unlike = [field.name for field in fields(Message) if getattr(FULL, field.name) == getattr(PLAIN, field.name)]
    copy = Copy(2, (Exchange(2, (FULL, PLAIN), "Zwölf \ud800"), Exchange(5, ())))

    back = unpack(pack(copy))

    assert unlike == [], "the example has to set each field"
    assert back == copy
    assert back.exchanges[0].questions[0].sent_at.utcoffset() == timedelta(hours=2)


def test_a_window_is_small_when_packed() -> None:
    question = replace(FULL, text="Wie viele Wörter hat ein Buch mit 500 Seiten zu je 300 Wörtern?")
    many = tuple(
        Exchange(n, (replace(question, identity=f"m{n}"),), "Das sind 150.000 Wörter. " * 8) for n in range(20)
    )

    assert len(pack(Copy(1, many))) < 2000


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage",
        zlib.compress(b"\xff"),
        zlib.compress(b"null"),
        zlib.compress(b"[]"),
        zlib.compress(b"[" * 100_000),
        zlib.compress(json.dumps(["another shape", 1, []]).encode()),
        pack(Copy(1, (Exchange(1, (FULL,)),)))[:-1],
        "text",
    ],
)
def test_what_this_version_did_not_write_is_not_read(raw: bytes | str) -> None:
    with pytest.raises(Unreadable):
        unpack(raw)


@pytest.mark.parametrize(
    "exchanges",
    [5, [5], [[1]], [["x", [], ""]], [[1, 5, ""]], [[1, [[]], ""]], [[1, [[0] * len(fields(Message))], ""]]],
)
def test_what_has_the_right_mark_and_the_wrong_content_is_not_read(exchanges: object) -> None:
    shape = json.loads(zlib.decompress(pack(Copy(1, ()))))[0]

    with pytest.raises(Unreadable):
        unpack(zlib.compress(json.dumps([shape, 1, exchanges]).encode()))
