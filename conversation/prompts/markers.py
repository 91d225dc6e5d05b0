"""The words that play a role in a prompt: one definition, for what goes into a prompt and what comes out of a model.

A person's text must not speak for somebody else. So a marker in it is *neutralised*: an invisible word joiner is put
before its last character. It reads the same and is no marker to any tokenizer. Where the joiner stands there already,
one more is put in, so that ``restore`` always gives back what was written.
"""

from __future__ import annotations

import re
import unicodedata

JOINER = "\u2060"
"""Word joiner: invisible, breaks no line, and no Unicode normalisation removes it or makes anything else of it."""

ROLE_WORDS = ("USER", "ASSISTANT")
"""Written before a colon. Case counts: models are trained on this spelling, and German prose has "User:"."""

_SPECIAL_TOKENS = ("<s>", "</s>", "<unk>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")
_TAGS = (
    *("BEGININPUT", "ENDINPUT", "BEGINCONTEXT", "ENDCONTEXT"),
    # The second spelling of the end is the training data's, in its system prompt.
    *("BEGININSTRUCTION", "ENDINSTRUCTION", "ENDINCSTRUCTION"),
)
_LITERALS = (*(f"{word}:" for word in ROLE_WORDS), *_SPECIAL_TOKENS, *_TAGS)
_ENDS_ANSWER = frozenset({*(f"{word}:" for word in ROLE_WORDS), "</s>", "[INST]"})

# ChatML's tokens and their kin (<|im_start|>, <|endoftext|>, <|fim_pad|> …). Names are in lower case, so that none
# holds a tag; the longest in use has 20 characters, and the limit keeps a stream from being held back for ever.
_NAME = "[a-z0-9_]{1,32}"


def _whole(marker: str) -> str:
    return f"{re.escape(marker[:-1])}{JOINER}*{re.escape(marker[-1])}"


def _beginning(marker: str) -> str:
    pattern = f"{JOINER}*"
    for character in reversed(marker[1:-1]):
        pattern = f"(?:{re.escape(character)}{pattern})?"
    return re.escape(marker[0]) + pattern


# No marker overlaps another, and none contains another: one pass finds them all.
MARKER = "|".join((*map(_whole, _LITERALS), rf"<\|{_NAME}\|{JOINER}*>"))
"""Pattern: a marker, neutralised or not. Of a role word, ``is_marker`` must be asked whether it is one."""

BEGINNING = "|".join((*map(_beginning, _LITERALS), rf"<(?:\|(?:{_NAME}(?:\|{JOINER}*)?)?)?"))
"""Pattern: what could become a marker."""

FIRST_CHARACTERS = "".join(sorted({marker[0] for marker in _LITERALS}))

_MARKER = re.compile(MARKER)


def is_marker(found: str, before: str) -> bool:
    """Whether a match of ``MARKER`` is a bare marker; ``before`` is the character before it, "" where there is none.

    A role word after a letter, combining mark, digit, ``_`` or ``-`` is part of a longer word: ``POSTGRES_USER:``.
    """
    return JOINER not in found and not (found[:-1] in ROLE_WORDS and _continues_word(before))


def ends_answer(marker: str) -> bool:
    """Whether a model that writes this marker has ended its answer; the other markers are only noise in it."""
    return marker in _ENDS_ANSWER or marker.startswith("<|")


def neutralise(text: str) -> str:
    """The text without markers; it reads the same. Join before: markers also arise where two harmless texts meet."""
    return _MARKER.sub(_neutralised, text)


def restore(text: str) -> str:
    """The text as it was before ``neutralise``."""
    return _MARKER.sub(lambda found: restored(found.group()), text)


def restored(found: str) -> str:
    """A match of ``MARKER`` as it was before ``neutralise``."""
    return found[:-2] + found[-1] if JOINER in found else found


def _neutralised(match: re.Match[str]) -> str:
    found, start = match.group(), match.start()
    if JOINER not in found and not is_marker(found, match.string[max(start - 1, 0) : start]):
        return found
    return found[:-1] + JOINER + found[-1]


def _continues_word(before: str) -> bool:
    if not before:
        return False
    category = unicodedata.category(before)
    return before in "_-" or category == "Nd" or category[0] in "LM"
