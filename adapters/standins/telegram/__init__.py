"""A local server that speaks Telegram's Bot API, for the sandbox and for tests.

It refuses what Telegram refuses. Error texts and rules are those of tdlib/telegram-bot-api (``Client.cpp``,
``WebhookActor.cpp``) and of the published Bot API; where Telegram tells no number, the constant here says so.
"""
