from adapters.standins.slack.mrkdwn import from_markdown, rich_text, typed, unescaped

PEOPLE = {"Kim": "U1", "Kim Berg": "U2"}
CHANNELS = {"allgemein": "C1"}


def test_the_three_special_characters_arrive_escaped() -> None:
    assert typed("a < b && b > c", {}, {}) == "a &lt; b &amp;&amp; b &gt; c"


def test_an_address_arrives_in_angle_brackets_without_the_punctuation_behind_it() -> None:
    assert typed("siehe https://example.org/?a=1&b=2.", {}, {}) == "siehe <https://example.org/?a=1&amp;b=2>."


def test_code_keeps_its_addresses_bare() -> None:
    assert typed("`curl https://example.org`", {}, {}) == "`curl https://example.org`"


def test_people_and_channels_arrive_as_references() -> None:
    assert typed("@Kim Berg und @Kim in #allgemein", PEOPLE, CHANNELS) == "<@U2> und <@U1> in <#C1|allgemein>"


def test_a_name_inside_an_address_of_mail_is_no_mention() -> None:
    assert typed("post@Kim", PEOPLE, {}) == "post@Kim"


def test_rich_text_says_the_same_in_elements() -> None:
    (block,) = rich_text("<@U1> a &amp; b <https://example.org|hier> <#C1|allgemein> <!here>", "b1")

    assert [element["type"] for element in block["elements"][0]["elements"]] == [
        "user",
        "text",
        "link",
        "text",
        "channel",
        "text",
        "broadcast",
    ]
    assert block["elements"][0]["elements"][1]["text"] == " a & b "
    assert block["elements"][0]["elements"][2] == {"type": "link", "url": "https://example.org", "text": "hier"}


def test_unescaping_turns_no_text_into_a_reference_twice() -> None:
    assert unescaped("&amp;lt;") == "&lt;"


def test_streamed_markdown_reads_back_as_mrkdwn() -> None:
    assert (
        from_markdown("# Titel\n- **fett** [hier](https://example.org)") == "Titel\n• *fett* <https://example.org|hier>"
    )
