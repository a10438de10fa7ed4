"""`ChatInitializer`: provides `Passwords`, and makes the default user."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from actionhero import Conflict, Initializer, RunMode
from actionhero_chat.ops import users
from actionhero_chat.passwords import Passwords
from actionhero_chat.settings import ChatSettings
from actionhero_db import Database

if TYPE_CHECKING:
    from actionhero import Application

logger = logging.getLogger("actionhero.chat")


class ChatInitializer(Initializer):
    """What the chat leans on beside the database and sessions."""

    name = "chat"
    requires = ("db",)
    after = ("redis",)

    def __init__(self) -> None:
        self._passwords: Passwords | None = None

    async def initialize(self, app: Application) -> None:
        """Provide `Passwords`."""
        self._passwords = Passwords(app.get(ChatSettings))
        app.provide(Passwords, self._passwords)

    async def start(self, app: Application) -> None:
        """Make the default user, if a server has none."""
        if app.mode is not RunMode.SERVER or not app.get(ChatSettings).default_user:
            return
        async with app.get(Database).activated():
            if await users.find_default() is not None:
                return
            nobody_knows = await app.get(Passwords).hash(secrets.token_urlsafe())
            try:
                await users.add(users.DEFAULT_NAME, users.DEFAULT_EMAIL, nobody_knows)
            except Conflict:
                # Another process of this server was quicker.
                return
        logger.info("made the default user %s", users.DEFAULT_EMAIL)

    async def stop(self, app: Application) -> None:
        """End the threads that hash."""
        if self._passwords is not None:
            self._passwords.close()
