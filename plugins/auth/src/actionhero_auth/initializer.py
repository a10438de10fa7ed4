"""`AuthInitializer`: provides `Passwords`, and receives revocations of API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Initializer, RunMode
from actionhero_auth.api_keys.key_service import ApiKeys
from actionhero_auth.api_keys.revocations import KeyRevocations
from actionhero_auth.passwords import Passwords
from actionhero_auth.settings import AuthSettings
from actionhero_auth.tokens.key_client import KeyClient

if TYPE_CHECKING:
    from actionhero import Application


class AuthInitializer(Initializer):
    """Starts after the database and Redis, if there are any."""

    name = "auth"
    after = ("db", "redis")

    async def initialize(self, app: Application) -> None:
        """Provide `Passwords`."""
        app.provide(Passwords, Passwords(app.get(AuthSettings)))

    async def start(self, app: Application) -> None:
        """Receive revocations; a command ends before it would use a key twice."""
        if app.has(KeyRevocations) and app.mode is not RunMode.CLI:
            app.get(KeyRevocations).start(app.get(ApiKeys).revoked_since)

    async def stop(self, app: Application) -> None:
        """Stop receiving revocations, fetching keys, and hashing."""
        if app.has(KeyRevocations):
            await app.get(KeyRevocations).stop()
        if app.has(KeyClient):
            await app.get(KeyClient).aclose()
        if app.has(Passwords):
            app.get(Passwords).close()
