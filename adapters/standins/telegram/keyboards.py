"""Inline keyboards: what may stand in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.standins.telegram.refusals import Json, bad_request

if TYPE_CHECKING:
    from adapters.standins.telegram.parameters import Parameters

LONGEST_CALLBACK_DATA = 64
ACTIONS = frozenset(
    [
        "callback_data",
        "url",
        "web_app",
        "login_url",
        "switch_inline_query",
        "switch_inline_query_current_chat",
        "switch_inline_query_chosen_chat",
        "copy_text",
        "callback_game",
        "pay",
    ]
)


def read_keyboard(parameters: Parameters) -> Json | None:
    """The ``InlineKeyboardMarkup`` of a call, None where there is none or it is empty. Raises ``Refusal``."""
    rows = parameters.mapping("reply_markup").get("inline_keyboard")
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "inline_keyboard" must be an Array of Arrays')
    filled = [row for row in rows if row]
    for row in filled:
        for button in row:
            _check(button)
    return {"inline_keyboard": filled} if filled else None


def _check(button: Any) -> None:
    if not isinstance(button, dict):
        raise bad_request("InlineKeyboardButton must be an Object")
    if not button.get("text"):
        raise bad_request("BUTTON_TEXT_INVALID")
    if len(ACTIONS & button.keys()) != 1:
        raise bad_request("text buttons are unallowed in the inline keyboard")
    data = button.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= LONGEST_CALLBACK_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
