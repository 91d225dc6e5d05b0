"""What a message carries besides text: files, which are named and never fetched, and its author."""

from __future__ import annotations

from typing import Any

from adapters.platforms.names import clean
from adapters.platforms.telegram.whole import whole
from conversation.messages import Attachment, Author

# What each kind is called where Telegram gives it no name, and its type where Telegram gives none.
_KINDS = {
    "animation": ("animation.mp4", "video/mp4"),
    "audio": ("audio.mp3", "audio/mpeg"),
    "document": ("file", "application/octet-stream"),
    "video": ("video.mp4", "video/mp4"),
    "video_note": ("video-note.mp4", "video/mp4"),
    "voice": ("voice.ogg", "audio/ogg"),
    "sticker": ("sticker.webp", "image/webp"),
    "contact": ("contact.vcf", "text/vcard"),
    "location": ("location", "application/geo+json"),
    "venue": ("location", "application/geo+json"),
    "poll": ("poll", "application/json"),
    "checklist": ("checklist", "application/json"),
    "dice": ("dice", "application/json"),
    "game": ("game", "application/json"),
    "story": ("story", "application/octet-stream"),
    "paid_media": ("paid media", "application/octet-stream"),
    "invoice": ("invoice", "application/json"),
}
# These come together with another kind that says the same.
_SAID_TWICE = {"animation": "document", "venue": "location"}


def attachments(message: dict[str, Any]) -> tuple[Attachment, ...]:
    """The message's files. A photo comes in several sizes; the largest one counts."""
    twice = {less for more, less in _SAID_TWICE.items() if more in message}
    found = [_attachment(kind, message[kind]) for kind in _KINDS if kind in message and kind not in twice]
    match message.get("photo"):
        case [*_, dict() as largest]:
            found.append(Attachment("photo.jpg", "image/jpeg", _size(largest)))
    return tuple(found)


def author(message: dict[str, Any]) -> Author | None:
    """Who wrote. Anonymous admins and channels come with a stand-in person, whom many share: the chat is the author."""
    match message:
        case {"sender_chat": {"id": number} as chat} if whole(number) is not None:
            return Author(str(number), clean(chat.get("title")) or None)
        case {"from": {"id": number} as person} if whole(number) is not None:
            name = clean(" ".join(str(person.get(part) or "") for part in ("first_name", "last_name")))
            locale = person.get("language_code")
            return Author(
                str(number),
                name or None,
                locale if isinstance(locale, str) else None,
                is_bot=person.get("is_bot") is True,
            )
        case _:
            return None


def _attachment(kind: str, value: Any) -> Attachment:
    name, media_type = _KINDS[kind]
    if not isinstance(value, dict):
        return Attachment(name, media_type)
    return Attachment(clean(value.get("file_name")) or name, clean(value.get("mime_type")) or media_type, _size(value))


def _size(value: dict[str, Any]) -> int | None:
    size = whole(value.get("file_size"))
    return size if size is not None and size >= 0 else None
