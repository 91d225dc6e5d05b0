from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.platforms.slack.mrkdwn import to_markdown
from conversation.messages import Mention

US = "UBOT"
PIECES = [
    "*",
    "_",
    "~",
    "`",
    "```",
    "<",
    ">",
    "|",
    "@",
    "#",
    "!",
    "&amp;",
    "&lt;",
    "\n",
    " ",
    "a",
    "https://x",
    "\ue000",
]
SOUP = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(mrkdwn: str) -> str:
    return to_markdown(mrkdwn, US).text


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("*fett* und _kursiv_ und ~weg~", "**fett** und *kursiv* und ~~weg~~"),
        ("*_beides_* _*beides*_", "***beides*** ***beides***"),
        ("snake_case_name 2*3*4 a~b~c", "snake_case_name 2*3*4 a~b~c"),
        ("* eins * und **zwei**", "* eins * und **zwei**"),
        ("*über\nzwei Zeilen*", "*über\nzwei Zeilen*"),
        ("• eins\n  ◦ zwei", "- eins\n  - zwei"),
        ("&gt; zitiert &amp;amp; &lt;T&gt;", "> zitiert &amp; <T>"),
        ("<https://x.de/a?b=1&amp;c=2>", "https://x.de/a?b=1&c=2"),
        ("<https://x.de/a_(b) c|Die [Seite]>", r"[Die \[Seite\]](https://x.de/a_%28b%29%20c)"),
        ("<http://x.de|x.de> <mailto:a@x.de|a@x.de>", "x.de a@x.de"),
        ("<#C1|allgemein> <#C2>", "#allgemein #C2"),
        ("<!here> <!channel|channel> <!everyone>", "@here @channel @everyone"),
        ("<!subteam^S1|@team> <!date^1^{date}|heute> <!subteam^S1>", "@team heute @S1"),
        ("<@> bleibt", "@ bleibt"),
    ],
)
def test_mrkdwn_becomes_markdown(mrkdwn: str, expected: str) -> None:
    assert markdown(mrkdwn) == expected


def test_a_code_block_gets_lines_of_its_own() -> None:
    assert markdown("sieh ```x = 1\ny``` da") == "sieh \n```\nx = 1\ny\n```\n da"
    assert markdown("```\na\n``````b```") == "```\na\n```\n```\nb\n```"
    assert markdown("```a```<@U2>") == "```\na\n```\n@U2"
    assert markdown("```a```\nb") == "```\na\n```\nb"


def test_emphasis_stops_at_code() -> None:
    assert markdown("`*a*` *b ```c``` d*") == "`*a*` *b \n```\nc\n```\n d*"


def test_what_slack_linked_inside_code_reads_as_it_was_typed() -> None:
    assert markdown("`curl <http://x.de|x.de>` ```<https://y.de/?a=1&amp;b> <@U1> <#C1|raum>```") == (
        "`curl x.de` \n```\nhttps://y.de/?a=1&b @U1 #raum\n```"
    )


def test_a_mention_is_a_neutral_reference_with_its_place() -> None:
    converted = to_markdown("*frag* <@U1> oder <@W2|kim>", US)
    assert converted.text == "**frag** @U1 oder @W2"
    assert converted.mentions == (Mention(9, 12, "U1"), Mention(18, 21, "W2"))
    assert not converted.calls_us


def test_a_typed_reference_is_no_mention() -> None:
    assert to_markdown("@U1 &lt;@U1&gt; `<@U1>`", US).mentions == ()


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        (f"<@{US}> hallo", "hallo"),
        (f"<@{US}>: stop", "stop"),
        (f"<@{US}>, stop", "stop"),
        (f"<@{US}|plausch>", ""),
        (f"hallo <@{US}> du", "hallo du"),
        (f"du da, <@{US}>", "du da,"),
        (f"<@U1> <@{US}> *x*", "@U1 **x**"),
    ],
)
def test_our_own_mention_is_removed(mrkdwn: str, expected: str) -> None:
    converted = to_markdown(mrkdwn, US)
    assert (converted.text, converted.calls_us) == (expected, True)


def test_characters_for_private_use_stay_what_they_are() -> None:
    assert markdown("\ue000 `a` \ue001\ue002 *b*") == "\ue000 `a` \ue001\ue002 **b**"


@given(SOUP)
def test_no_text_makes_it_fail_and_mentions_point_at_references(mrkdwn: str) -> None:
    converted = to_markdown(mrkdwn, US)
    for mention in converted.mentions:
        assert converted.text[mention.start : mention.end] == f"@{mention.person}"


@given(st.text().filter(lambda code: "```" not in code.strip("`") and code.strip("`\n") == code and code))
def test_a_code_block_is_kept_to_the_letter(code: str) -> None:
    assert markdown(f"vorher\n```\n{escaped(code)}\n```\nnachher") == f"vorher\n```\n{code}\n```\nnachher"


@given(st.text(min_size=1).filter(lambda code: "`" not in code and "\n" not in code))
def test_a_code_span_is_kept_to_the_letter(code: str) -> None:
    assert markdown(f"vorher `{escaped(code)}` nachher") == f"vorher `{code}` nachher"
