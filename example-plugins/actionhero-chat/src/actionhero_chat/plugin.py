"""The contributions of this package to ActionHero. Start reading here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Action, Application, Initializer, Middleware, Settings
    from actionhero_channels import Channel
    from actionhero_db import Models
    from actionhero_web import StaticFiles


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
def actionhero_actions(app: Application) -> Sequence[type[Action]]:
    from actionhero_auth import AuthSettings
    from actionhero_chat.actions import (
        agents,
        channels,
        digests,
        files,
        keys,
        messages,
        sessions,
        streams,
        users,
    )
    from actionhero_chat.settings import ChatSettings

    is_hello_scheduled = app.get(ChatSettings).hello
    has_keys = app.get(AuthSettings).api_keys is not False

    return [
        users.UserCreate,
        users.UserEdit,
        users.UserView,
        users.PermissionsList,
        sessions.SessionCreate,
        sessions.SessionDestroy,
        *([keys.KeyCreate, keys.KeysList, keys.KeyRevoke] if has_keys else []),
        messages.MessageCreate,
        messages.MessageView,
        messages.MessageDelete,
        messages.MessagesList,
        messages.MessagesCleanup,
        messages.MessagesHelloEveryMinute if is_hello_scheduled else messages.MessagesHello,
        digests.UserDigest,
        digests.UsersDigest,
        digests.DigestsView,
        files.FileUpload,
        channels.ChannelMembers,
        streams.StreamingCounter,
        streams.StatusLive,
        agents.Status,
        agents.GreetingPrompt,
    ]


@hookimpl
def actionhero_channels() -> Sequence[type[Channel]]:
    from actionhero_chat.channels import Messages

    return [Messages]


@hookimpl
def actionhero_middleware(app: Application) -> Sequence[Middleware]:
    from actionhero_chat.call_metrics import CallMetrics

    app.provide(CallMetrics, metrics := CallMetrics())
    return [metrics]


@hookimpl
def actionhero_web_static() -> Sequence[StaticFiles]:
    from actionhero_web import StaticFiles

    return [StaticFiles(Path(__file__).parent / "assets")]
