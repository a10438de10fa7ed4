"""`CommittedOutcomes`: outcomes in the transaction of their call, so that it runs exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from actionhero import OutboxMessage, ServiceUnavailable
from actionhero.transport import dumps, loads, new_identifier
from actionhero_limits.idempotency.claims import Claim
from actionhero_limits.idempotency.stored_outcome import StoredOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Outbox, Transactions
    from actionhero_limits.idempotency.claims import ClaimStore

#: The topic of outcomes in the outbox of a database.
TOPIC: Final = "idempotency"


class CommittedOutcome(NamedTuple):
    """An outcome that is written in the transaction of its call."""

    claim: Claim
    stored: StoredOutcome


class CommittedOutcomes:
    """The outcomes in the outbox of a database.

    An outcome is written with the data of its call, and stored in Redis after the commit, by this
    process or, if that has died, by another one. Until then it is found in the outbox.

    Args:
        transactions: The transactions of the database.
        store: The keys in Redis.
    """

    def __init__(self, transactions: Transactions, store: ClaimStore) -> None:
        self._transactions = transactions
        self._store = store

    def start(self) -> None:
        """Store outcomes of the outbox in Redis."""
        if self._transactions.outbox is not None:
            self._transactions.outbox.register(TOPIC, self._send)

    def stop(self) -> None:
        """Leave the outcomes of the outbox to other processes."""
        if self._transactions.outbox is not None:
            self._transactions.outbox.unregister(TOPIC)

    @property
    def outbox(self) -> Outbox | None:
        """The outbox, if the current task is in a transaction."""
        return self._transactions.outbox if self._transactions.is_open else None

    async def find(self, outbox: Outbox, claim: Claim) -> CommittedOutcome | None:
        """Return the outcome of an earlier call that is not in Redis yet."""
        message = await outbox.find_key(TOPIC, claim.scope)
        return None if message is None else _decode(message)

    async def add(self, outbox: Outbox, outcome: CommittedOutcome) -> None:
        """Write an outcome in the current transaction."""
        claim, stored = outcome.claim, outcome.stored
        facts = {
            "scope": claim.scope,
            "fingerprint": claim.fingerprint.hex(),
            "token": claim.token,
            "ttl_ms": claim.ttl_ms,
            "action": claim.action,
            "status": stored.status,
        }
        body = dumps(facts) + b"\n" + stored.body
        message = OutboxMessage(new_identifier(), body, key=claim.scope, item=outcome)
        await outbox.add(TOPIC, [message])

    async def _send(self, messages: Sequence[OutboxMessage]) -> None:
        for message in messages:
            outcome = message.item or _decode(message)
            try:
                # Middleware outside of the transaction may have changed it, and stored that.
                await self._store.settle(
                    outcome.claim, outcome.stored, message.age_ms, replaces=False
                )
            except Exception as error:
                from actionhero_redis import is_transient

                if not is_transient(error):
                    raise
                raise ServiceUnavailable("Redis is not available", retry_after_seconds=1) from error


def _decode(message: OutboxMessage) -> CommittedOutcome:
    head, _, body = message.body.partition(b"\n")
    facts = loads(head)
    claim = Claim(
        facts["scope"],
        bytes.fromhex(facts["fingerprint"]),
        facts["ttl_ms"],
        facts["action"],
        facts["token"],
    )
    return CommittedOutcome(claim, StoredOutcome(facts["status"], body))
