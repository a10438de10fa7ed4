"""`ConsoleInitializer`: starts the console of a process after Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Initializer, RunMode
from actionhero_redis import RedisClients

if TYPE_CHECKING:
    from actionhero import Application


class ConsoleInitializer(Initializer):
    """Keeps log lines, and subscribes to the questions of other processes."""

    name = "console"
    requires = ("redis",)
    # In a command, nothing of the console is imported.
    modes = frozenset(RunMode) - {RunMode.CLI}

    async def start(self, app: Application) -> None:
        """Start the console, if this process has one.

        Raises:
            ConfigurationError: `app.secret_key` is not set in production, and is needed.
        """
        from actionhero_console.console import console_for

        if (console := console_for(app)) is not None:
            is_server = app.mode is RunMode.SERVER
            if is_server and app.environment == "production" and console.access.has_accounts:
                # Otherwise the first sign-in would fail.
                app.secret_key()
            await console.start(app.get(RedisClients))

    async def stop(self, app: Application) -> None:
        """Stop it."""
        from actionhero_console.console import console_for

        if (console := console_for(app)) is not None:
            await console.stop()
