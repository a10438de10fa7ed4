"""`IdempotencyInitializer`: provides `Idempotency`, if an action uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Initializer, Transactions
from actionhero_limits.idempotency.validation import idempotent_actions
from actionhero_limits.settings import LimitsSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_limits.idempotency.idempotency import Idempotency


class IdempotencyInitializer(Initializer):
    """Provides `Idempotency`, and stores its outcomes until the end."""

    name = "idempotency"
    after = ("redis", "db")

    def __init__(self) -> None:
        self._idempotency: Idempotency | None = None

    async def initialize(self, app: Application) -> None:
        """Provide `Idempotency`, if an action lists `Idempotent`."""
        if not idempotent_actions(app):
            return
        from actionhero_limits.idempotency.claims import ClaimStore
        from actionhero_limits.idempotency.committed_outcomes import CommittedOutcomes
        from actionhero_limits.idempotency.idempotency import Idempotency
        from actionhero_redis import RedisClients

        store = ClaimStore(app.get(RedisClients))
        committed = None
        if app.has(Transactions):
            committed = CommittedOutcomes(app.get(Transactions), store)
        self._idempotency = Idempotency(
            store,
            committed,
            app.get(LimitsSettings),
            app.secret_key,
        )
        app.provide(Idempotency, self._idempotency)

    async def start(self, app: Application) -> None:
        """Store the outcomes that are in the outbox of the database.

        Raises:
            ConfigurationError: `app.secret_key` is not set in production, and is needed.
        """
        if self._idempotency is None:
            return
        if any(action.inputs.sensitive_names for action in idempotent_actions(app)):
            # Otherwise the first call would fail.
            self._idempotency.secret_key()
        if self._idempotency.committed is not None:
            self._idempotency.committed.start()

    async def stop(self, app: Application) -> None:
        """Store the outcomes that are left."""
        if self._idempotency is None:
            return
        if self._idempotency.committed is not None:
            self._idempotency.committed.stop()
        await self._idempotency.stop()
