"""What this package adds to ActionHero. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Action, Initializer, Settings
    from actionhero_db import Models


@hookimpl
def actionhero_settings() -> Sequence[type[Settings]]:
    from actionhero_chat.settings import ChatSettings

    return [ChatSettings]


@hookimpl
def actionhero_db_models() -> Sequence[Models]:
    from actionhero_db import Models

    return [Models("chat", ["actionhero_chat.models"], migrations="actionhero_chat.migrations")]


@hookimpl
def actionhero_initializers() -> Sequence[Initializer]:
    from actionhero_chat.initializer import ChatInitializer

    return [ChatInitializer()]


@hookimpl
def actionhero_actions() -> Sequence[type[Action]]:
    from actionhero_chat.actions import files, messages, sessions, users

    return [
        users.UserCreate,
        users.UserEdit,
        users.UserView,
        sessions.SessionCreate,
        sessions.SessionDestroy,
        messages.MessageCreate,
        messages.MessageView,
        messages.MessagesList,
        messages.MessagesCleanup,
        messages.MessagesHello,
        files.FileUpload,
    ]
