from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise

import pytest

CSS = (files("adapters.platforms.web.assets") / "tokens.css").read_text("utf-8")
LIGHT, DARK = CSS.split("@media (prefers-color-scheme: dark)")

# Ink and the ground that it stands on, and the least contrast (WCAG 2.2: text 4.5, parts of controls 3).
PAIRS = [
    *(("ink", ground, 4.5) for ground in ("ground", "raised", "sunken", "info-soft", "warn-soft", "bad-soft")),
    *(("ink-soft", ground, 4.5) for ground in ("ground", "raised", "sunken")),
    ("accent", "ground", 4.5),
    ("accent-ink", "accent", 4.5),
    ("accent-ink", "accent-strong", 4.5),
    ("accent-soft-ink", "accent-soft", 4.5),
    *((tone, f"{tone}-soft", 4.5) for tone in ("info", "warn", "bad")),
    ("accent", "info-soft", 4.5),
    ("accent", "warn-soft", 4.5),
    ("line-strong", "raised", 3.0),
    ("line-strong", "ground", 3.0),
    ("focus", "ground", 3.0),
    ("focus", "raised", 3.0),
]


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_text_can_be_read_on_its_ground(scheme: str, ink: str, ground: str, least: float) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", scheme))
    brightest, darkest = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (brightest + 0.05) / (darkest + 0.05) >= least


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[start:end], 16) / 255 for start, end in pairwise((1, 3, 5, 7))]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
