"""The Web API over HTTP: token, scope, rate, fault, then the method."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from aiohttp import web

from adapters.standins.slack import methods_chat, methods_rooms, methods_streams
from adapters.standins.slack.arguments import Arguments, read_arguments
from adapters.standins.slack.faults import FaultKind
from adapters.standins.slack.model import Json, Refused
from adapters.standins.slack.records import Call, Change, ChangeKind

if TYPE_CHECKING:
    from adapters.standins.slack.faults import Fault, Faults
    from adapters.standins.slack.limits import Buckets
    from adapters.standins.slack.methods_chat import Api
    from adapters.standins.slack.settings import Settings

METHODS = methods_chat.METHODS | methods_streams.METHODS | methods_rooms.METHODS
_FOR_APP_TOKEN = "apps.connections.open"  # noqa: S105 - a method's name, no secret
_WITHOUT_TOKEN = "api.test"  # noqa: S105 - a method's name, no secret
_DONE_FIRST = frozenset({FaultKind.RESET_AFTER, FaultKind.SERVER_ERROR_AFTER, FaultKind.SLOW})


class WebApi:
    """Answers ``/api/<method>``."""

    def __init__(self, api: Api, settings: Settings, buckets: Buckets, faults: Faults) -> None:
        self._api = api
        self._settings = settings
        self._scopes = settings.scopes
        self._buckets = buckets
        self._faults = faults
        self.calls: list[Call] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        method = request.match_info["method"]
        try:
            values = await read_arguments(request)
        except Refused as refusal:
            return self._answer(method, {}, refusal)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or values.get("token", "")
        values.pop("token", None)
        fault = self._faults.take(method)
        if fault is not None and fault.held is not None:
            await fault.held.wait()
        if fault is not None and fault.kind not in _DONE_FIRST:
            return self._play(request, method, values, fault)
        answer = self._answer(method, values, self._result(method, values, token))
        return answer if fault is None else await self._after(request, answer, fault)

    def _result(self, method: str, values: Json, token: str) -> Json | Refused | int:
        """The answer's fields, a refusal, or the seconds to wait."""
        try:
            self._check(method, Arguments(values), token)
            if seconds := self._buckets.take(method, str(values.get("channel", ""))):
                return seconds
            return METHODS[method][0](self._api, Arguments(values))
        except Refused as refusal:
            return refusal

    def _check(self, method: str, arguments: Arguments, token: str) -> None:
        if method not in METHODS:
            raise Refused("unknown_method", req_method=method)
        if method == _WITHOUT_TOKEN:
            return
        if not token:
            raise Refused("not_authed")
        if token not in {self._settings.bot_token, self._settings.app_token}:
            raise Refused("invalid_auth")
        if (method == _FOR_APP_TOKEN) != (token == self._settings.app_token):
            raise Refused("not_allowed_token_type")
        if method != _FOR_APP_TOKEN:
            self._check_scope(METHODS[method][1], arguments)

    def _check_scope(self, scope: str, arguments: Arguments) -> None:
        if scope.startswith("*:"):
            scope = methods_rooms.scope_of_room(self._api, arguments, scope.removeprefix("*:"))
        if scope and scope not in self._scopes:
            raise Refused("missing_scope", needed=scope, provided=",".join(sorted(self._scopes)))

    def _answer(self, method: str, values: Json, result: Json | Refused | int) -> web.Response:
        match result:
            case int():
                return self._ratelimited(method, values, result)
            case Refused():
                self._record(method, values, result.error)
                return self._json({"ok": False, "error": result.error} | result.fields)
            case _:
                self._record(method, values, "ok")
                return self._json({"ok": True} | result)

    def _ratelimited(self, method: str, values: Json, seconds: int) -> web.Response:
        self._record(method, values, "ratelimited")
        answer = self._json({"ok": False, "error": "ratelimited"}, status=429)
        answer.headers["Retry-After"] = str(seconds)
        return answer

    def _json(self, body: Json, status: int = 200) -> web.Response:
        headers = {"x-oauth-scopes": ",".join(sorted(self._scopes))}
        return web.Response(
            text=json.dumps(body), status=status, content_type="application/json", charset="utf-8", headers=headers
        )

    def _play(self, request: web.Request, method: str, values: Json, fault: Fault) -> web.Response:
        match fault.kind:
            case FaultKind.RATELIMITED:
                return self._ratelimited(method, values, int(fault.seconds))
            case FaultKind.ERROR:
                return self._answer(method, values, Refused(fault.error))
            case FaultKind.RESET_BEFORE:
                self._record(method, values, fault.kind)
                return _cut(request)
            case _:
                self._record(method, values, fault.kind)
                return _server_error()

    async def _after(self, request: web.Request, answer: web.Response, fault: Fault) -> web.Response:
        if fault.kind is FaultKind.RESET_AFTER:
            return _cut(request)
        if fault.kind is FaultKind.SERVER_ERROR_AFTER:
            return _server_error()
        if fault.held is None:
            await asyncio.sleep(fault.seconds)
        return answer

    def _record(self, method: str, values: Json, outcome: str) -> None:
        at = self._api.workspace.clock()
        self.calls.append(Call(method, values, outcome, at))
        channel = str(values.get("channel", ""))
        self._api.workspace.watch.tell(Change(kind=ChangeKind.CALLED, at=at, channel=channel, text=method))


def _server_error() -> web.Response:
    return web.Response(status=500, text="Internal Server Error")


def _cut(request: web.Request) -> web.Response:
    """Reset the connection: whatever is returned after that is not sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
