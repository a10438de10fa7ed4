"""`PostgresTickets`: PostgreSQL as the broker that says which jobs are ready."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from dramatiq.common import dq_name
from dramatiq.errors import BrokerConnectionError
from dramatiq_postgres import PostgresBroker  # type: ignore[import-untyped]
from dramatiq_postgres.schema import init  # type: ignore[import-untyped]
from psycopg import Error
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from actionhero_tasks.job import BrokerUnavailable
from actionhero_tasks.tickets import Ticket, TicketBroker, message_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero_tasks.outbox import ReadyJob

Result = TypeVar("Result")

#: How long PostgreSQL may take to give a connection.
ANSWER_SECONDS: Final = 3.0
#: How many connections a process opens at most.
MOST_CONNECTIONS: Final = 8
#: After which time the tickets of a process of which nothing was heard are somebody else's.
LEASE_SECONDS: Final = 10.0
_COUNT: Final = "SELECT count(*) FROM dramatiq.queue WHERE queue_name = %s AND state = 'queued'"
_AWAY: Final = (BrokerConnectionError, Error, PoolTimeout, PoolClosed, OSError)


class PostgresTickets(TicketBroker):
    """Tickets in the table of the broker of dramatiq-postgres. It knows no priorities.

    Args:
        url: Where it is: postgresql://.
        address: The same, for people.
    """

    title: ClassVar[str] = "PostgreSQL"

    def __init__(self, url: str, address: str) -> None:
        super().__init__(address)
        # It is told by us, once, and in words.
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        self._pool = ConnectionPool(
            url,
            min_size=0,
            max_size=MOST_CONNECTIONS,
            timeout=ANSWER_SECONDS,
            # Whoever asks next tries again, rather than a thread, which waits longer each time.
            reconnect_timeout=ANSWER_SECONDS / 3,
            check=ConnectionPool.check_connection,
            open=True,
        )
        self._broker = PostgresBroker(
            pool=self._pool,
            middleware=[],
            results=False,
            # It is the store that wakes who waits.
            listen=False,
            notify=False,
            heartbeat_interval=LEASE_SECONDS / 5,
            heartbeat_ttl=LEASE_SECONDS,
            maintenance_interval=LEASE_SECONDS / 2,
        )
        self._is_ready = False

    def send(self, jobs: Sequence[ReadyJob]) -> None:
        def ask() -> None:
            for job in jobs:
                self._broker.enqueue(message_for(job))

        self._reach(ask)

    def take(self, queue: str, limit: int) -> list[Ticket]:
        return self._reach(lambda: self._take(queue, limit))

    def take_delayed(self, queue: str, limit: int) -> list[Ticket]:
        # Those that are due; the others wait there as well as they would with us.
        return self._reach(lambda: self._take(dq_name(queue), limit))

    def done(self, tickets: Sequence[Ticket]) -> None:
        try:
            for ticket in tickets:
                ticket.receipt.ack(ticket.message)
        except _AWAY:
            # They are handed out again when nothing was heard of us for a while.
            pass

    def put_back(self, tickets: Sequence[Ticket]) -> None:
        try:
            for ticket in tickets:
                ticket.receipt.requeue([ticket.message])
        except _AWAY:
            pass
        finally:
            for ticket in tickets:
                ticket.receipt.close()

    def waiting(self, queue: str) -> int:
        def ask() -> int:
            with self._pool.connection() as connection:
                row = connection.execute(_COUNT, (queue,)).fetchone()
                return int(row[0]) if row else 0

        return self._reach(ask)

    def ping(self) -> None:
        self._reach(lambda: None)

    def close(self) -> None:
        self._broker.close()
        self._pool.close()

    def _take(self, queue: str, limit: int) -> list[Ticket]:
        consumer = self._broker.consume(queue, prefetch=limit, timeout=0)
        try:
            tickets: list[Ticket] = []
            while len(tickets) < limit and (message := next(consumer)) is not None:
                tickets.append(Ticket(message._message, consumer))
            return tickets
        finally:
            # It keeps a connection until then. To be told of tickets, it opens another.
            consumer.close()

    def _reach(self, ask: Callable[[], Result]) -> Result:
        """Return what PostgreSQL answers.

        A connection is tried first: the broker would try again by itself, for minutes.
        """
        try:
            with self._pool.connection() as connection:
                if not self._is_ready:
                    with connection.transaction(), connection.cursor() as cursor:
                        init(cursor)
                    self._is_ready = True
                else:
                    connection.execute("SELECT 1")
            return ask()
        except _AWAY as error:
            # It may come back without its tables.
            self._is_ready = False
            raise BrokerUnavailable(f"PostgreSQL at {self.address}: {error}") from error
