"""`ChatInitializer`: creates the default user."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from actionhero import Conflict, Initializer, RunMode
from actionhero_auth import Passwords
from actionhero_chat.ops import users
from actionhero_chat.settings import ChatSettings
from actionhero_db import Database

if TYPE_CHECKING:
    from actionhero import Application

logger = logging.getLogger("actionhero.chat")


class ChatInitializer(Initializer):
    """Creates the default user of a server."""

    name = "chat"
    requires = ("auth", "db")
    after = ("redis",)

    async def start(self, app: Application) -> None:
        """Create the default user, if this is a server and the user does not exist."""
        if app.mode is not RunMode.SERVER or not app.get(ChatSettings).default_user:
            return
        async with app.get(Database).activated():
            if await users.find_default() is not None:
                return
            random_hash = await app.get(Passwords).hash(secrets.token_urlsafe())
            try:
                user = await users.create(users.DEFAULT_NAME, users.DEFAULT_EMAIL, random_hash)
            except Conflict:
                # Another process created the user in the meantime.
                return
        logger.info(
            "created the default user %s; to sign in, set its password: "
            "actionhero --as-user %d call user:edit --password …",
            users.DEFAULT_EMAIL,
            user.id,
        )
