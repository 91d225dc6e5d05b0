"""Methods by which the bot gets its updates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from adapters.standins.telegram.refusals import bad_request, too_many_requests
from adapters.standins.telegram.updates import LONGEST_POLL_SECONDS
from adapters.standins.telegram.webhook import Webhook

if TYPE_CHECKING:
    from adapters.standins.telegram.parameters import Parameters
    from adapters.standins.telegram.refusals import Json
    from adapters.standins.telegram.world import World

LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def get_updates(world: World, call: Parameters) -> list[Json]:
    """``getUpdates``: again and again the same, until the offset passes it."""
    if world.webhook.webhook is not None:
        await world.updates.conflict(
            "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
        )
    world.updates.allow(call.listing("allowed_updates"))
    return await world.updates.poll(
        call.integer("offset"),
        call.integer("limit", 100, 1, 100),
        call.integer("timeout", 0, 0, LONGEST_POLL_SECONDS),
    )


async def set_webhook(world: World, call: Parameters) -> bool:
    """``setWebhook``, at most once a second. Plain HTTP is taken too, but only this machine is ever called."""
    if not (url := call.text("url")):
        return await delete_webhook(world, call)
    if world.now() < world.webhook_set_at + 1:
        raise too_many_requests(1)
    world.webhook_set_at = world.now()
    webhook = Webhook(_address(url), _secret(call), call.integer("max_connections", 40, 1, 100))
    world.updates.allow(call.listing("allowed_updates"))
    if call.flag("drop_pending_updates"):
        world.updates.clear()
    await world.updates.end_poll("terminated by setWebhook request")
    await world.webhook.set(webhook)
    return True


async def delete_webhook(world: World, call: Parameters) -> bool:
    """``deleteWebhook``. What waits stays, unless it is asked to go."""
    await world.webhook.set(None)
    if call.flag("drop_pending_updates"):
        world.updates.clear()
    return True


async def get_webhook_info(world: World, _call: Parameters) -> Json:
    """``getWebhookInfo``."""
    webhook = world.webhook.webhook
    info: Json = {"url": webhook.url if webhook else "", "has_custom_certificate": False}
    info["pending_update_count"] = len(world.updates.pending)
    if webhook is not None:
        info["max_connections"] = webhook.max_connections
    if world.webhook.last_error:
        info["last_error_date"] = int(world.webhook.last_error_at)
        info["last_error_message"] = world.webhook.last_error
    if world.updates.allowed is not None:
        info["allowed_updates"] = world.updates.allowed
    return info


def _address(text: str) -> str:
    try:
        url = urlsplit(text)
    except ValueError as error:
        raise bad_request("bad webhook: invalid URL") from error
    if url.scheme not in {"http", "https"} or url.hostname not in LOOPBACK:
        raise bad_request("bad webhook: this stand-in calls addresses of this machine only")
    return text


def _secret(call: Parameters) -> str:
    secret = call.text("secret_token")
    if secret and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
        raise bad_request("secret token contains unallowed characters")
    return secret
