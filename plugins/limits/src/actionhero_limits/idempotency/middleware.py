"""`Idempotent`: the middleware that runs a call once for all repetitions with its key."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actionhero import (
    Conflict,
    InvalidInput,
    MalformedRequest,
    Middleware,
    Outcome,
    RequestHeader,
    ServiceUnavailable,
    TypedError,
)
from actionhero.transport import IDEMPOTENCY_KEY, INTERNAL_ERROR
from actionhero_limits.idempotency.key import MAX_LENGTH, parse_key

if TYPE_CHECKING:
    from actionhero import Call, Outbox
    from actionhero_limits.idempotency.claims import Claim
    from actionhero_limits.idempotency.committed_outcomes import CommittedOutcome
    from actionhero_limits.idempotency.idempotency import Idempotency
    from actionhero_limits.idempotency.stored_outcome import StoredOutcome

logger = logging.getLogger("actionhero.limits")


@dataclass(slots=True)
class _Attempt:
    """The state of one call that has claimed its key."""

    idempotency: Idempotency
    claim: Claim
    #: The outbox of the transaction that the call runs in.
    outbox: Outbox | None = None
    #: Whether `run` was called.
    has_run: bool = False
    #: The result of `run`, or that of the earlier call.
    result: Any = None
    #: The outcome, if it is committed with the transaction.
    committed: CommittedOutcome | None = None
    #: The outcome of an earlier call, if that was committed, and was not in Redis.
    earlier: CommittedOutcome | None = None


class Idempotent(Middleware):
    """Runs a call once for all its repetitions with the same idempotency key.

    `middleware = [Idempotent(), Transaction()]`. A repetition gets the stored outcome, with the
    header `Idempotency-Replayed: true` over HTTP. Keys are those of an action and a caller.

    Stored are values, and errors of the client that `run` raises. After any other outcome, such as
    an internal error or a cancellation, the call may be repeated, and runs again. If a process
    dies, its calls may be repeated 30 s later. They run again, unless their transaction was
    committed: with `Transaction` of `actionhero-db` in the list, the outcome is committed with the
    data.

    Calls without a key, jobs, and inner calls by `call.run` run always.

    Args:
        required: Whether calls without a key are refused.
        ttl: How long outcomes are stored; by default `limits.idempotency_ttl`.

    Raises:
        ValueError: `ttl` is not positive.
    """

    errors = (MalformedRequest, Conflict, InvalidInput, ServiceUnavailable)

    def __init__(self, *, required: bool = False, ttl: timedelta | None = None) -> None:
        duration: Any = ttl
        is_duration = isinstance(duration, timedelta) and duration >= timedelta(seconds=1)
        if not (duration is None or is_duration):
            raise ValueError(f"ttl is {ttl!r}; write at least timedelta(seconds=1)")
        self.required = required
        self.ttl = ttl
        description = (
            f"Identifies the call: 1 to {MAX_LENGTH} visible ASCII characters. A repetition with "
            "the same key and inputs gets the response of the first call."
        )
        self.request_headers = (RequestHeader(IDEMPOTENCY_KEY, description, required=required),)

    def around_run(self, action: Any) -> Middleware:
        """Return the part that sees the outcome of `run`, in the transaction of the call."""
        return _AroundRun(self)

    async def before(self, call: Call) -> Outcome | None:
        """Claim the key.

        Returns:
            The stored outcome, if there is one.

        Raises:
            MalformedRequest: The key is malformed, or required and missing.
            Conflict: A call with the key runs.
            InvalidInput: The key was used with other inputs.
        """
        # Jobs are retried, and have a deduplication key of their own.
        if call.outer is not None or call.connection.transport == "task":
            return None
        text = call.idempotency_key
        if text is None:
            if self.required:
                raise MalformedRequest(
                    f"{IDEMPOTENCY_KEY} is missing; send one that is new for each call, and the "
                    "same for its repetitions"
                )
            return None
        key = parse_key(text)
        # Imported here, so that declaring it imports nothing of Redis.
        from actionhero_limits.idempotency.claims import Claim, OtherInputs, Running
        from actionhero_limits.idempotency.idempotency import Idempotency
        from actionhero_limits.idempotency.scope import fingerprint_of, scope_of

        idempotency = call.get(Idempotency)
        ttl = self.ttl or idempotency.settings.idempotency_ttl
        claim = Claim(
            scope_of(call, key),
            await fingerprint_of(call.action, call.inputs, idempotency.secret_key),
            int(ttl.total_seconds() * 1000),
            call.action.name,
        )
        state = await idempotency.claim(claim)
        if state is None:
            call.scratch[self] = _Attempt(idempotency, claim)
            return None
        if state is Running:
            raise _running()
        if state is OtherInputs:
            raise _other_inputs()
        return _replay(call, state)

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Store the outcome, or give the key back."""
        attempt: _Attempt | None = call.scratch.pop(self, None)
        if attempt is None:
            return
        idempotency, claim, earlier = attempt.idempotency, attempt.claim, attempt.earlier
        committed = None if attempt.committed is None else attempt.committed.stored
        try:
            stored = _stored(call, attempt, outcome)
        except BaseException:
            if committed is None and earlier is None:
                await idempotency.release(claim)
            raise
        finally:
            idempotency.leave(claim)
        if earlier is not None:
            claim = dataclasses.replace(earlier.claim, token=claim.token)
            await idempotency.settle(claim, stored or earlier.stored)
        elif stored is not None and stored != committed:
            await idempotency.settle(claim, stored)
        elif committed is None:
            await idempotency.release(claim)
        # Otherwise it is in Redis; or in the outbox; or, if the end of the transaction is unknown,
        # perhaps in neither of them: the next call finds out once the claim has lapsed.


class _AroundRun(Middleware):
    """The part inside of all other middleware: it sees the outcome of `run`, and before the commit.

    Args:
        idempotent: The part outside.
    """

    def __init__(self, idempotent: Idempotent) -> None:
        self._idempotent = idempotent

    async def before(self, call: Call) -> Outcome | None:
        """Return the outcome of an earlier call that is committed, and not in Redis yet.

        Raises:
            InvalidInput: That call had other inputs.
        """
        attempt: _Attempt | None = call.scratch.get(self._idempotent)
        if attempt is None:
            return None
        committed = attempt.idempotency.committed
        outbox = None if committed is None else committed.outbox
        if committed is not None and outbox is not None:
            earlier = await committed.find(outbox, attempt.claim)
            if earlier is not None:
                if earlier.claim.fingerprint != attempt.claim.fingerprint:
                    raise _other_inputs()
                replay = _replay(call, earlier.stored)
                attempt.earlier, attempt.result = earlier, replay.value
                return replay
        attempt.outbox = outbox
        attempt.has_run = True
        return None

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        """Write the outcome in the transaction, if there is one.

        Raises:
            Conflict: Another call has claimed the key in the meantime; the transaction is rolled
                back.
        """
        attempt: _Attempt | None = call.scratch.get(self._idempotent)
        if attempt is None or not attempt.has_run:
            return None
        if outcome.is_response:
            logger.error(
                "action %r returned a response of a transport, which Idempotent cannot store; "
                "return a value, or remove Idempotent()",
                call.action.name,
            )
            return Outcome(error=TypedError(INTERNAL_ERROR))
        attempt.result = outcome.value
        if attempt.outbox is None or outcome.cancelled or not outcome.ok:
            return None
        stored = _stored(call, attempt, outcome)
        if stored is not None:
            await self._write(attempt, attempt.outbox, stored)
        return None

    async def _write(self, attempt: _Attempt, outbox: Outbox, stored: StoredOutcome) -> None:
        from actionhero_limits.idempotency.committed_outcomes import CommittedOutcome

        idempotency, claim = attempt.idempotency, attempt.claim
        assert idempotency.committed is not None  # noqa: S101 - it has the outbox
        # From here on, no other call claims the key for the length of a lease.
        if not await idempotency.store.renew(claim):
            raise _running()
        committed = CommittedOutcome(claim, stored)
        await idempotency.committed.add(outbox, committed)
        attempt.committed = committed


def _stored(call: Call, attempt: _Attempt, outcome: Outcome) -> StoredOutcome | None:
    """Return the outcome of a call as it is stored; `None` if it is not."""
    from actionhero_limits.idempotency.stored_outcome import is_kept, stored_error, stored_value

    has_result = attempt.has_run or attempt.earlier is not None
    if outcome.cancelled or not has_result or outcome.is_response:
        return None
    if outcome.error is not None:
        return stored_error(call, outcome) if is_kept(outcome.error) else None
    stored = stored_value(call, outcome, attempt.result)
    limit = attempt.idempotency.settings.idempotency_body_bytes
    if len(stored.body) > limit:
        logger.warning(
            "the result of %r has %d bytes, and is not stored by its idempotency key; the limit "
            "limits.idempotency_body_bytes is %d",
            call.action.name,
            len(stored.body),
            limit,
        )
        return None
    return stored


def _replay(call: Call, stored: StoredOutcome) -> Outcome:
    call.connection.add_response_header("Idempotency-Replayed", "true")
    return stored.restore()


def _running() -> Conflict:
    return Conflict(
        f"A call with this {IDEMPOTENCY_KEY} is running; try again", retry_after_seconds=1
    )


def _other_inputs() -> InvalidInput:
    return InvalidInput(
        f"This {IDEMPOTENCY_KEY} was used with other inputs; send a new one for each call",
        key=IDEMPOTENCY_KEY,
    )
