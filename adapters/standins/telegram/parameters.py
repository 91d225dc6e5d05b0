"""The parameters of a call, in whichever of the four shapes the Bot API takes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from adapters.standins.telegram.refusals import Json, bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Parameters:
    """Named values. Nested ones may come as JSON or as a string that holds JSON, as the real server takes both."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) not in {None, ""} if self._is_plain(name) else True

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers are taken as they are written."""
        value = self._values.get(name, default)
        if value is None or isinstance(value, (dict, list)):
            return default
        text = str(value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise bad_request("strings must be encoded in UTF-8")
        return text

    def integer(self, name: str, default: int = 0, low: int | None = None, high: int | None = None) -> int:
        """A number, moved into the range as the server does; what is no number counts as left out."""
        try:
            value = int(self.text(name))
        except ValueError:
            return default
        if low is not None:
            value = max(low, value)
        return value if high is None else min(high, value)

    def flag(self, name: str) -> bool:
        """True for true, yes and 1."""
        return self.text(name).strip().lower() in {"true", "yes", "1"}

    def nested(self, name: str) -> Any:
        """A JSON value, None where it was left out."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return json.loads(value)
        except ValueError as error:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from error

    def mapping(self, name: str) -> Json:
        """A JSON object, empty where it was left out."""
        value = self.nested(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise bad_request(f"object expected as {name.replace('_', ' ')}")
        return value

    def listing(self, name: str) -> list[Any] | None:
        """A JSON array, None where it was left out."""
        value = self.nested(name)
        if value is None or isinstance(value, list):
            return value
        raise bad_request(f"expected an Array as {name.replace('_', ' ')}")

    def _is_plain(self, name: str) -> bool:
        return not isinstance(self._values.get(name), (dict, list))


async def read_parameters(request: web.Request) -> Parameters:
    """From the address and from a body that is JSON, a form, multipart or empty."""
    values: dict[str, Any] = dict(request.query)
    if request.content_type in FORMS:
        values.update(await request.post())
    if request.content_type == "application/json":
        values.update(_object(await request.text()))
    return Parameters(values)


def _object(body: str) -> Json:
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        raise bad_request("can't parse the request as JSON") from error
    if not isinstance(value, dict):
        raise bad_request("the request must be a JSON object")
    return value
