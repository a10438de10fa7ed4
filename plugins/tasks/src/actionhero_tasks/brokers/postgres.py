"""`PostgresMessageBroker`: delivers ready jobs through PostgreSQL, with dramatiq-postgres."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from dramatiq.common import dq_name
from dramatiq.errors import BrokerConnectionError
from dramatiq_postgres import PostgresBroker  # type: ignore[import-untyped]
from dramatiq_postgres.schema import init  # type: ignore[import-untyped]
from psycopg import Error
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from actionhero_tasks.brokers.message_broker import Delivery, MessageBroker, message_for
from actionhero_tasks.job import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero_tasks.stores.outbox import ReadyJob

Result = TypeVar("Result")

#: How long to wait for a connection.
TIMEOUT_SECONDS: Final = 3.0
#: How many connections a process opens.
MAX_CONNECTIONS: Final = 8
#: After this time without a heartbeat the unacknowledged messages of a process are requeued.
LEASE_SECONDS: Final = 10.0
_COUNT: Final = "SELECT count(*) FROM dramatiq.queue WHERE queue_name = %s AND state = 'queued'"
_UNAVAILABLE: Final = (BrokerConnectionError, Error, PoolTimeout, PoolClosed, OSError)


class PostgresMessageBroker(MessageBroker):
    """Sends messages with dramatiq-postgres, which does not support priorities.

    Args:
        url: A postgresql:// URL.
        address: Its host and port.
    """

    title: ClassVar[str] = "PostgreSQL"

    def __init__(self, url: str, address: str) -> None:
        super().__init__(address)
        # An outage is logged once, by `BrokeredStore`.
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        self._pool = ConnectionPool(
            url,
            min_size=0,
            max_size=MAX_CONNECTIONS,
            timeout=TIMEOUT_SECONDS,
            # The next call reconnects, instead of a thread with a growing delay.
            reconnect_timeout=TIMEOUT_SECONDS / 3,
            check=ConnectionPool.check_connection,
            open=True,
        )
        self._broker = PostgresBroker(
            pool=self._pool,
            middleware=[],
            results=False,
            # The store notifies waiting workers.
            listen=False,
            notify=False,
            heartbeat_interval=LEASE_SECONDS / 5,
            heartbeat_ttl=LEASE_SECONDS,
            maintenance_interval=LEASE_SECONDS / 2,
        )
        self._is_ready = False

    def publish(self, jobs: Sequence[ReadyJob]) -> None:
        def enqueue() -> None:
            for job in jobs:
                self._broker.enqueue(message_for(job))

        self._call(enqueue)

    def receive(self, queue: str, limit: int) -> list[Delivery]:
        return self._call(lambda: self._receive(queue, limit))

    def receive_delayed(self, queue: str, limit: int) -> list[Delivery]:
        # Only messages that are due; the others wait in PostgreSQL.
        return self._call(lambda: self._receive(dq_name(queue), limit))

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        try:
            for delivery in deliveries:
                delivery.receipt.ack(delivery.message)
        except _UNAVAILABLE:
            # They are delivered again after the lease.
            pass

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        try:
            for delivery in deliveries:
                delivery.receipt.requeue([delivery.message])
        except _UNAVAILABLE:
            pass
        finally:
            for delivery in deliveries:
                delivery.receipt.close()

    def count_waiting(self, queue: str) -> int:
        def count() -> int:
            with self._pool.connection() as connection:
                row = connection.execute(_COUNT, (queue,)).fetchone()
                return int(row[0]) if row else 0

        return self._call(count)

    def ping(self) -> None:
        self._call(lambda: None)

    def close(self) -> None:
        self._broker.close()
        self._pool.close()

    def _receive(self, queue: str, limit: int) -> list[Delivery]:
        consumer = self._broker.consume(queue, prefetch=limit, timeout=0)
        try:
            deliveries: list[Delivery] = []
            while len(deliveries) < limit and (message := next(consumer)) is not None:
                deliveries.append(Delivery(message._message, consumer))
            return deliveries
        finally:
            # Until then it holds a connection; acknowledgements use another one.
            consumer.close()

    def _call(self, function: Callable[[], Result]) -> Result:
        """Return the result of a call to PostgreSQL.

        The connection is checked first, because the broker itself retries for minutes.
        """
        try:
            with self._pool.connection() as connection:
                if not self._is_ready:
                    with connection.transaction(), connection.cursor() as cursor:
                        init(cursor)
                    self._is_ready = True
                else:
                    connection.execute("SELECT 1")
            return function()
        except _UNAVAILABLE as error:
            # The database may be restored without its tables.
            self._is_ready = False
            raise BrokerUnavailable(f"PostgreSQL at {self.address}: {error}") from error
