"""Telegram over the Bot API."""

from adapters.platforms.telegram.formatting import Entity, Part
from adapters.platforms.telegram.platform import Identity, Telegram

__all__ = ["Entity", "Identity", "Part", "Telegram"]
