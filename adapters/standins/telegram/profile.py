"""Methods about the bot, chats, presses and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.standins.telegram.changes import Change, ChangeKind
from adapters.standins.telegram.entities import units
from adapters.standins.telegram.refusals import bad_request

if TYPE_CHECKING:
    from adapters.standins.telegram.chats import Chat
    from adapters.standins.telegram.parameters import Parameters
    from adapters.standins.telegram.refusals import Json
    from adapters.standins.telegram.world import World

LARGEST_FILE = 20 << 20
LONGEST_CALLBACK_ANSWER = 200
# Telegram tells no number; clients stop waiting after about this long.
ANSWER_SECONDS = 15.0
MOST_COMMANDS = 100
LONGEST_COMMAND = 32
LONGEST_COMMAND_DESCRIPTION = 256


async def get_me(world: World, _call: Parameters) -> Json:
    """``getMe``."""
    return world.bot.as_json() | {
        "can_join_groups": True,
        "can_read_all_group_messages": not world.tuning.privacy_mode,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


async def get_chat(world: World, call: Parameters) -> Json:
    """``getChat``."""
    chat = world.chats.named(call.text("chat_id"))
    return chat.as_json() | {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": _no_gifts()}


async def get_chat_member(world: World, call: Parameters) -> Json:
    """``getChatMember``."""
    chat = world.chats.writable(call.text("chat_id"))
    user_id = call.integer("user_id")
    if user_id == world.bot.id:
        return {"user": world.bot.as_json(), "status": "member"}
    if user_id not in chat.members:
        raise bad_request("PARTICIPANT_ID_INVALID")
    return _member(chat, user_id)


async def answer_callback_query(world: World, call: Parameters) -> bool:
    """``answerCallbackQuery``: what the presser's client shows, in time."""
    text = call.text("text")
    if units(text) > LONGEST_CALLBACK_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    press = world.presses.get(call.text("callback_query_id"))
    if press is None or world.now() - press.at > ANSWER_SECONDS:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    press.answer = {"text": text, "show_alert": call.flag("show_alert")}
    world.changes.publish(Change(ChangeKind.ANSWERED_PRESS, press.chat_id, text=text))
    return True


async def set_my_commands(world: World, call: Parameters) -> bool:
    """``setMyCommands``, for each scope and language."""
    commands = call.listing("commands")
    if commands is None or len(commands) > MOST_COMMANDS:
        raise bad_request("can't parse commands JSON object" if commands is None else "BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        _check_command(command)
    world.profile[_key("commands", call)] = commands
    return True


async def get_my_commands(world: World, call: Parameters) -> list[Json]:
    """``getMyCommands``."""
    commands: list[Json] = world.profile.get(_key("commands", call), [])
    return commands


async def set_my_description(world: World, call: Parameters) -> bool:
    """``setMyDescription``."""
    return _describe(world, call, "description", 512)


async def set_my_short_description(world: World, call: Parameters) -> bool:
    """``setMyShortDescription``."""
    return _describe(world, call, "short_description", 120)


async def get_file(world: World, call: Parameters) -> Json:
    """``getFile``."""
    file_id = call.text("file_id")
    if file_id not in world.files:
        raise bad_request("invalid file_id")
    file = world.files[file_id]
    if file.size > LARGEST_FILE:
        raise bad_request("file is too big")
    return {"file_id": file_id, "file_unique_id": file_id, "file_size": file.size, "file_path": f"files/{file_id}"}


def _describe(world: World, call: Parameters, name: str, longest: int) -> bool:
    text = call.text(name)
    if units(text) > longest:
        raise bad_request("text is too long")
    world.profile[_key(name, call)] = text
    return True


def _key(name: str, call: Parameters) -> str:
    scope = call.mapping("scope").get("type", "default")
    return "/".join(filter(None, (name, "" if scope == "default" else str(scope), call.text("language_code"))))


def _check_command(command: Any) -> None:
    if not isinstance(command, dict):
        raise bad_request("expected an Array of BotCommand")
    name, description = str(command.get("command", "")).removeprefix("/"), str(command.get("description", ""))
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_")
    if not 1 <= len(name) <= LONGEST_COMMAND or set(name) - allowed:
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= units(description) <= LONGEST_COMMAND_DESCRIPTION:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")


def _member(chat: Chat, user_id: int) -> Json:
    person = chat.members[user_id]
    if user_id not in chat.administrators:
        return {"user": person.as_json(), "status": "member"}
    # Every administrator is shown as the creator: it is what may change a group's settings.
    return {"user": person.as_json(), "status": "creator", "is_anonymous": False}


def _no_gifts() -> Json:
    kinds = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    return dict.fromkeys(kinds, False)
