"""`RabbitmqTickets`: RabbitMQ as the broker that says which jobs are ready."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

import pika  # type: ignore[import-untyped]
from dramatiq import Message
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.common import dq_name
from dramatiq.errors import ConnectionClosed, DecodeError
from pika.exceptions import AMQPError  # type: ignore[import-untyped]

from actionhero_tasks.job import BrokerUnavailable
from actionhero_tasks.tickets import LEVELS, Ticket, TicketBroker, message_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero_tasks.outbox import ReadyJob

logger = logging.getLogger("actionhero.tasks")

Result = TypeVar("Result")

#: How long RabbitMQ may take to answer, where its URL says nothing else.
ANSWER_SECONDS: Final = 5.0
#: How often both say that they are there, where the URL says nothing else.
HEARTBEAT_SECONDS: Final = 15
#: What tells that RabbitMQ, or the way to it, is away.
_AWAY: Final = (AMQPError, ConnectionClosed, OSError)


class RabbitmqTickets(TicketBroker):
    """Tickets in the queues of dramatiq's own broker for RabbitMQ.

    Each thread has a connection of its own. Tickets are fetched one by one, when there is room for
    a job: what RabbitMQ would push ahead of that, nobody else could run meanwhile.

    Args:
        url: Where it is: amqp:// or amqps://; several, with `;` between, are tried in turn.
        address: The same, for people.
    """

    title: ClassVar[str] = "RabbitMQ"

    def __init__(self, url: str, address: str) -> None:
        super().__init__(address)
        # It is told by us, once, and in words; pika tells each attempt with its stack.
        logging.getLogger("pika").setLevel(logging.CRITICAL)
        self._broker = RabbitmqBroker(url=url, middleware=[], max_priority=LEVELS)
        parameters: Any = self._broker.parameters
        for each in parameters if isinstance(parameters, list) else [parameters]:
            _be_impatient(each, url)
        self._mine = threading.local()

    def send(self, jobs: Sequence[ReadyJob]) -> None:
        # One transaction, and so one write to the disk for all of them; a confirmation is for one.
        self._reach(lambda: self._send(jobs))

    def take(self, queue: str, limit: int) -> list[Ticket]:
        return self._reach(lambda: self._take(queue, queue, limit))

    def take_delayed(self, queue: str, limit: int) -> list[Ticket]:
        return self._reach(lambda: self._take(queue, dq_name(queue), limit))

    def done(self, tickets: Sequence[Ticket]) -> None:
        self._settle(tickets, lambda channel, tag: channel.basic_ack(tag))

    def put_back(self, tickets: Sequence[Ticket]) -> None:
        self._settle(tickets, lambda channel, tag: channel.basic_nack(tag, requeue=True))

    def waiting(self, queue: str) -> int:
        def ask() -> int:
            self._broker.declare_queue(queue, ensure=True)
            declared = self._broker.channel.queue_declare(queue, passive=True)
            return int(declared.method.message_count)

        return self._reach(ask)

    def ping(self) -> None:
        # Something that is always there, so that an answer comes.
        self._reach(lambda: self._broker.channel.exchange_declare("amq.direct", passive=True))

    def close(self) -> None:
        self._broker.close()

    def _send(self, jobs: Sequence[ReadyJob]) -> None:
        for queue in {job.queue for job in jobs}:
            self._broker.declare_queue(queue, ensure=True)
        channel = self._sending_channel()
        for job in jobs:
            message = message_for(job)
            properties = pika.BasicProperties(
                delivery_mode=pika.DeliveryMode.Persistent.value,
                priority=message.options["broker_priority"],
            )
            channel.basic_publish("", job.queue, message.encode(), properties)
        channel.tx_commit()

    def _sending_channel(self) -> Any:
        channel = getattr(self._mine, "sending", None)
        if channel is None or not channel.is_open:
            channel = self._mine.sending = self._broker.connection.channel()
            channel.tx_select()
        return channel

    def _take(self, queue: str, name: str, limit: int) -> list[Ticket]:
        self._broker.declare_queue(queue, ensure=True)
        channel = self._broker.channel
        tickets: list[Ticket] = []
        while len(tickets) < limit:
            delivery, _, body = channel.basic_get(name)
            if delivery is None:
                break
            try:
                message: Message[Any] = Message.decode(body)
            except DecodeError:
                logger.error("a message in %r of RabbitMQ is none of dramatiq's; rejected", name)
                # To the dead letters of RabbitMQ, as dramatiq does.
                channel.basic_nack(delivery.delivery_tag, requeue=False)
            else:
                tickets.append(Ticket(message, (channel, delivery.delivery_tag)))
        return tickets

    def _settle(self, tickets: Sequence[Ticket], settle: Callable[[Any, int], None]) -> None:
        try:
            for ticket in tickets:
                channel, tag = ticket.receipt
                settle(channel, tag)
        except _AWAY:
            # Whoever has lost the connection has no tickets any more.
            self._forget()

    def _reach(self, ask: Callable[[], Result]) -> Result:
        """Return what RabbitMQ answers.

        Asked twice: the connection may be one that was idle for too long, or a queue was deleted.
        """
        try:
            return ask()
        except _AWAY:
            self._forget()
        try:
            return ask()
        except _AWAY as error:
            self._forget()
            raise BrokerUnavailable(f"RabbitMQ at {self.address}: {_reason(error)}") from error

    def _forget(self) -> None:
        """Give up the connection of this thread; the next question opens another."""
        self._mine.sending = None
        del self._broker.connection
        # It may come back without them.
        self._broker.queues_pending.update(self._broker.queues)


def _be_impatient(parameters: Any, url: str) -> None:
    given = url.partition("?")[2]
    for name, seconds in (
        ("socket_timeout", ANSWER_SECONDS),
        ("stack_timeout", ANSWER_SECONDS),
        ("blocked_connection_timeout", ANSWER_SECONDS),
        ("heartbeat", HEARTBEAT_SECONDS),
    ):
        if f"{name}=" not in given:
            setattr(parameters, name, seconds)


def _reason(error: BaseException) -> str:
    """Return what went wrong, out of all that pika wraps around it."""
    inner = [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]
    for each in reversed(inner):
        if isinstance(each, BaseException):
            return _reason(each)
    return str(error) or type(error).__name__
