"""Arguments of a Web API call: from the query, a form or JSON, all read alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapters.standins.slack.limits import BLOCKS_LIMIT, SECTION_LIMIT
from adapters.standins.slack.model import Json, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web


@dataclass(frozen=True, slots=True)
class Arguments:
    """What was given; an empty text counts as not given, as Slack has it."""

    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """The argument as text, "" where it is missing."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def required(self, name: str) -> str:
        """The argument as text. Raises ``Refused``."""
        if not (value := self.text(name)):
            raise Refused("invalid_arguments", f"missing required field: {name}")
        return value

    def flag(self, name: str) -> bool:
        """Slack reads 1, true and True."""
        return self.text(name).lower() in {"1", "true"}

    def number(self, name: str, default: int) -> int:
        """The argument as a whole number."""
        text = self.text(name)
        if not text:
            return default
        if not text.isdigit():
            raise Refused("invalid_arguments", f"must be a number: {name}")
        return int(text)

    def structure(self, name: str) -> Any:
        """A JSON value, given as JSON or (in a form) as text that holds JSON; None where it is missing."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise Refused(f"invalid_{name}_format") from None

    def blocks(self) -> list[Json] | None:
        """The blocks, with the limits that are checked most often. Raises ``Refused``."""
        blocks = self.structure("blocks")
        if blocks is None:
            return None
        if not isinstance(blocks, list) or len(blocks) > BLOCKS_LIMIT or not all(map(_is_block, blocks)):
            raise Refused("invalid_blocks")
        return blocks

    def metadata(self) -> Json | None:
        """Event type and payload. Raises ``Refused``."""
        metadata = self.structure("metadata")
        if metadata is None:
            return None
        if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
            raise Refused("invalid_metadata_format")
        if not metadata.get("event_type"):
            raise Refused("invalid_metadata_format")
        return metadata


def _is_block(block: object) -> bool:
    if not isinstance(block, dict) or not block.get("type"):
        return False
    text = block.get("text")
    content = text.get("text", "") if isinstance(text, dict) else ""
    return block["type"] != "section" or len(content) <= SECTION_LIMIT


async def read_arguments(request: web.Request) -> Json:
    """All that was given, by name. Raises ``Refused`` for JSON that is none."""
    values: Json = dict(request.query)
    if request.content_type == "application/json":
        return values | _json_object(await request.text())
    form = await request.post()
    return values | {name: value for name, value in form.items() if isinstance(value, str)}


def _json_object(body: str) -> Json:
    if not body:
        return {}
    try:
        values = json.loads(body)
    except ValueError:
        raise Refused("invalid_json") from None
    if not isinstance(values, dict):
        raise Refused("json_not_object")
    return values
