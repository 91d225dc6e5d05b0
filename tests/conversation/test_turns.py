from __future__ import annotations

import pytest

from conversation.errors import PlauschError, SettingWrong, TooFast
from conversation.turns import Ending, EndingKind


@pytest.mark.parametrize(
    ("lead", "text", "trail", "shown"),
    [
        ("", "Ja.", "", "Ja."),
        ("KI", "Ja.", "", "KI\n\nJa."),
        ("", "Ja.", "Gestoppt", "Ja.\n\nGestoppt"),
        ("KI", "Ja.", "Gestoppt", "KI\n\nJa.\n\nGestoppt"),
        ("KI", "", "Nichts", "KI\n\nNichts"),
        ("", "\n\n    code\n", "Gestoppt", "    code\n\nGestoppt"),
        ("", "\n", "Nichts", "Nichts"),
        ("", "", "", ""),
    ],
)
def test_an_ending_is_shown_as_paragraphs(lead: str, text: str, trail: str, shown: str) -> None:
    assert Ending(EndingKind.ANSWER, text, lead, trail).shown == shown


def test_a_pause_says_how_long_it_is() -> None:
    pause = TooFast(1.5)
    assert (pause.seconds, str(pause)) == (1.5, "pause for 1.5 s")


def test_a_wrong_setting_says_its_name_what_is_wrong_and_the_cure() -> None:
    wrong = SettingWrong("PLAUSCH_MODEL_URL", "is no address.", "Write http://…")
    assert (wrong.name, wrong.problem, wrong.cure) == ("PLAUSCH_MODEL_URL", "is no address.", "Write http://…")
    assert str(wrong) == "PLAUSCH_MODEL_URL: is no address. Write http://…"
    assert isinstance(wrong, PlauschError)
