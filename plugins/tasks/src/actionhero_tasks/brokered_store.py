"""`BrokeredStore`: a store whose jobs wait for a worker in a broker."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, ClassVar, Final

from actionhero_tasks.job import BrokerUnavailable, StoreUnavailable
from actionhero_tasks.wrapped_store import WrappedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from actionhero_tasks.job import Claim, NewJob, Settlement
    from actionhero_tasks.outbox import Outbox
    from actionhero_tasks.store import JobStore
    from actionhero_tasks.tickets import Ticket, TicketBroker

logger = logging.getLogger("actionhero.tasks")

#: How many jobs are sent in one go.
MOST_SENT: Final = 500
#: How long a broker that was away is left alone, at first and at most.
AWAY_SECONDS: Final = (0.1, 2.0)
#: How often it is looked for messages that others have sent, and for tickets that got lost.
FOREIGN_SECONDS: Final = 1.0
LOST_SECONDS: Final = 5.0
#: After which time whoever began to send a job, and did not end, is taken for gone.
SENDING_MS: Final = 10_000
#: How many delayed messages of others are taken in one go.
MOST_DELAYED: Final = 100


class BrokeredStore(WrappedStore):
    """Keeps jobs in a store, and lets a broker say who runs them.

    The store is the truth: a job is kept there first, then a *ticket* for it is sent. Whoever gets
    the ticket claims the job in the store by its id; if somebody else has it, or it is not ready
    any more, the ticket is dropped. A job whose ticket was not sent, or got lost, gets another. No
    ticket is held while nothing is claimed for it, so that a worker that ends has none.

    While the broker is away jobs are kept, and sent when it is back.

    Args:
        inner: The store; closed with this one.
        outbox: Its part in the way through a broker.
        broker: The broker; closed with this store.
        queues: Where others may send messages too, beside the queues of the jobs.
    """

    kind: ClassVar[str] = "brokered"

    def __init__(
        self, inner: JobStore, outbox: Outbox, broker: TicketBroker, queues: Iterable[str] = ()
    ) -> None:
        super().__init__(inner)
        self.broker = broker
        self._outbox = outbox
        #: Where messages of others may be.
        self._known = set(queues)
        self._away = _Away(broker)
        self._turn = 0
        self._lock = threading.Lock()
        self._next_look = {"foreign": 0.0, "lost": 0.0}

    # -- putting in ----------------------------------------------------------------------------

    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        ids = super().add(jobs)
        self._send()
        return ids

    def tick(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        kept = super().tick(name, fire_ms, job, overlap=overlap)
        if kept:
            self._send()
        return kept

    def seal_batch(self, id: str) -> None:
        super().seal_batch(id)
        self._send()

    def retry(self, id: str) -> bool:
        was_dead = super().retry(id)
        if was_dead:
            self._send()
        return was_dead

    # -- running -------------------------------------------------------------------------------

    def trade(
        self,
        owner: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        # What is due is ready afterwards, and nothing is claimed.
        _, refused = super().trade(owner, queues, 0, settlements)
        self._send()
        if limit <= 0:
            return [], refused
        claims = self._outbox.claim(owner, queues, [])
        try:
            if not self._away:
                for taken in self._take_turns(queues, limit, claims):
                    claims += self._redeem(owner, queues, taken)
        except BrokerUnavailable as error:
            self._away.note(error)
        except StoreUnavailable:
            # What was claimed before it went away has begun.
            if not claims:
                raise
        return claims, refused

    def wait(self, owner: str, bell: threading.Event, timeout_ms: int) -> None:
        if self._away:
            bell.wait(min(timeout_ms / 1000, self._away.left_seconds))
        else:
            super().wait(owner, bell, timeout_ms)

    # -- who runs ------------------------------------------------------------------------------

    def leave(self, owner: str, *, crashed: bool) -> int:
        count = super().leave(owner, crashed=crashed)
        if count:
            self._send()
        return count

    def sweep(self) -> int:
        count = super().sweep()
        self._outbox.mend(self.now_ms() - SENDING_MS)
        self._send()
        try:
            if not self._away and self._is_time("lost", LOST_SECONDS):
                self._send_again()
        except BrokerUnavailable as error:
            self._away.note(error)
        return count

    # -- looking in ----------------------------------------------------------------------------

    def ping(self) -> None:
        super().ping()
        self.broker.ping()

    def close(self) -> None:
        self.broker.close()
        super().close()

    # -- sending -------------------------------------------------------------------------------

    def _send(self) -> None:
        """Send what is ready and unsent; if the broker is away, it stays so."""
        if self._away:
            return
        jobs = self._outbox.begin_sending(MOST_SENT)
        if not jobs:
            return
        ids = [job.id for job in jobs]
        try:
            self.broker.send(jobs)
        except BrokerUnavailable as error:
            self._outbox.give_up_sending(ids)
            self._away.note(error)
            return
        self._away.end()
        self._outbox.mark_sent(ids)
        self.ring()

    def _send_again(self) -> None:
        """Send once more those of whose tickets the broker knows nothing."""
        for queue in self._outbox.sent():
            # What begins between the two is missing in neither; what is sent, and what a worker
            # is about to claim, may be sent twice. That does no harm.
            waiting = self.broker.waiting(queue)
            missing = self._outbox.sent().get(queue, 0) - waiting
            if missing > 0:
                # The oldest: tickets are handed out by age.
                before_ms = self.now_ms() - int(LOST_SECONDS * 1000)
                count = self._outbox.unsend(queue, before_ms, missing)
                if count:
                    logger.info(
                        "%d jobs of %r are sent to %s again", count, queue, self.broker.title
                    )
        self._send()

    # -- taking --------------------------------------------------------------------------------

    def _take_turns(
        self, queues: Sequence[str] | None, limit: int, claims: list[Claim]
    ) -> Iterator[list[tuple[str, Ticket]]]:
        """Yield tickets while there is room, from one queue after the other.

        Args:
            queues: From which queues; `None`: from all.
            limit: How much room there is.
            claims: What fills it, also meanwhile: a ticket may be for nothing.
        """
        asked = self._queues_to_ask(queues)
        while asked and (room := limit - len(claims)) > 0:
            # A fair share of each, so that a long queue does not keep others from being asked.
            share = -(-room // len(asked))
            for queue in tuple(asked):
                wanted = min(share, limit - len(claims))
                if wanted <= 0:
                    return
                tickets = self.broker.take(queue, wanted)
                self._away.end()
                if len(tickets) < wanted:
                    asked.remove(queue)
                if tickets:
                    yield [(queue, ticket) for ticket in tickets]

    def _queues_to_ask(self, queues: Sequence[str] | None) -> list[str]:
        """Return where there are tickets; from time to time also where others may have sent any."""
        found = set(self._outbox.sent())
        if self._is_time("foreign", FOREIGN_SECONDS):
            known = self._known if queues is None else set(queues)
            for queue in known:
                self._keep_delayed(queue)
            found |= known
        wanted = sorted(found if queues is None else found & set(queues))
        self._turn += 1
        turn = self._turn % len(wanted) if wanted else 0
        return wanted[turn:] + wanted[:turn]

    def _keep_delayed(self, queue: str) -> None:
        tickets = self.broker.take_delayed(queue, MOST_DELAYED)
        self._settle(tickets, lambda: self._adopt([(queue, ticket) for ticket in tickets]))

    def _redeem(
        self, owner: str, queues: Sequence[str] | None, taken: list[tuple[str, Ticket]]
    ) -> list[Claim]:
        """Claim what tickets are for; those that are for nothing are dropped too."""
        claims: list[Claim] = []

        def claim() -> None:
            self._adopt(taken)
            ids = [ticket.job_id for _, ticket in taken]
            claims.extend(self._outbox.claim(owner, queues, ids))

        self._settle([ticket for _, ticket in taken], claim)
        return claims

    def _adopt(self, taken: list[tuple[str, Ticket]]) -> None:
        """Keep messages of others as jobs."""
        foreign = [(queue, ticket) for queue, ticket in taken if ticket.is_foreign]
        if foreign:
            now = self.now_ms()
            self.inner.add([ticket.as_job(queue, now) for queue, ticket in foreign])

    def _settle(self, tickets: Sequence[Ticket], use: Callable[[], None]) -> None:
        """Use tickets, and forget them; if the store is away meanwhile, others may have them."""
        try:
            use()
        except BaseException:
            self.broker.put_back(tickets)
            raise
        self.broker.done(tickets)

    def _is_time(self, what: str, seconds: float) -> bool:
        with self._lock:
            if (now := time.monotonic()) < self._next_look[what]:
                return False
            self._next_look[what] = now + seconds
            return True


class _Away:
    """Whether a broker is better left alone for a moment; it tells people once that it is away.

    Args:
        broker: The broker.
    """

    def __init__(self, broker: TicketBroker) -> None:
        self._broker = broker
        self._lock = threading.Lock()
        self._wait = 0.0
        self._until = 0.0

    def __bool__(self) -> bool:
        return self.left_seconds > 0

    @property
    def left_seconds(self) -> float:
        """For how long it is left alone."""
        return self._until - time.monotonic()

    def note(self, error: BrokerUnavailable) -> None:
        """Leave it alone, each time for longer."""
        with self._lock:
            if not self._wait:
                logger.warning(
                    "%s cannot be reached; jobs are kept, and sent when it can: %s",
                    self._broker.title,
                    error,
                )
            self._wait = min(2 * self._wait, AWAY_SECONDS[1]) or AWAY_SECONDS[0]
            self._until = time.monotonic() + self._wait

    def end(self) -> None:
        """Say that it has answered."""
        if self._wait:
            with self._lock:
                if self._wait:
                    logger.warning("%s can be reached again", self._broker.title)
                self._wait = self._until = 0.0
