"""The panes' words and colours."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from itertools import pairwise

import pytest

ASSETS = files("adapters.standins.panes.assets")


def test_both_languages_say_the_same_things() -> None:
    words = json.loads((ASSETS / "words.json").read_text("utf-8"))
    assert words["de"].keys() == words["en"].keys()
    assert all(word for language in words.values() for word in language.values())


PAIRS = [("tone", "raised"), ("tone", "tone-soft"), ("tone-ink", "tone"), ("ink-soft", "raised")]
OWN = {"slack": [*PAIRS, ("bar-ink", "bar")], "telegram": [*PAIRS, ("own-ink", "own"), ("tone", "own")]}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("pane", ["slack", "telegram"])
def test_text_can_be_read_on_its_ground(pane: str, scheme: int) -> None:
    sheets = ((files("adapters.platforms.web.assets") / "tokens.css"), ASSETS / f"{pane}.css")
    both = [sheet.read_text("utf-8").split("@media (prefers-color-scheme: dark)") for sheet in sheets]
    colours = {name: colour for sheet in both for name, colour in re.findall(r"--([\w-]+): (#\w{6});", sheet[scheme])}
    for ink, ground in OWN[pane]:
        darker, brighter = sorted((luminance(colours[ink]), luminance(colours[ground])))
        assert (brighter + 0.05) / (darker + 0.05) >= 4.5, (ink, ground)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[start:end], 16) / 255 for start, end in pairwise((1, 3, 5, 7))]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
