"""`RabbitmqMessageBroker`: delivers ready jobs through RabbitMQ, with the broker of dramatiq."""

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

from actionhero_tasks.brokers.message_broker import LEVELS, Delivery, MessageBroker, message_for
from actionhero_tasks.job import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero_tasks.stores.outbox import ReadyJob

logger = logging.getLogger("actionhero.tasks")

Result = TypeVar("Result")

#: The default timeout, which the URL can override.
TIMEOUT_SECONDS: Final = 5.0
#: The default heartbeat interval, which the URL can override.
HEARTBEAT_SECONDS: Final = 15
#: The errors of a lost connection.
_UNAVAILABLE: Final = (AMQPError, ConnectionClosed, OSError)


class RabbitmqMessageBroker(MessageBroker):
    """Sends messages to the queues of dramatiq's broker for RabbitMQ.

    Each thread has its own connection. Messages are fetched one by one, when a job can start: a
    message that RabbitMQ pushes ahead of that would not be available to other workers.

    Args:
        url: An amqp:// or amqps:// URL; several, separated by `;`, are tried in turn.
        address: Their hosts and ports.
    """

    title: ClassVar[str] = "RabbitMQ"

    def __init__(self, url: str, address: str) -> None:
        super().__init__(address)
        # An outage is logged once, by `BrokeredStore`; pika logs each attempt with its traceback.
        logging.getLogger("pika").setLevel(logging.CRITICAL)
        self._broker = RabbitmqBroker(url=url, middleware=[], max_priority=LEVELS)
        parameters: Any = self._broker.parameters
        for item in parameters if isinstance(parameters, list) else [parameters]:
            _set_timeouts(item, url)
        self._local = threading.local()

    def publish(self, jobs: Sequence[ReadyJob]) -> None:
        # In a transaction, which is one disk write for all messages; confirms would be one each.
        self._call(lambda: self._publish(jobs))

    def receive(self, queue: str, limit: int) -> list[Delivery]:
        return self._call(lambda: self._receive(queue, queue, limit))

    def receive_delayed(self, queue: str, limit: int) -> list[Delivery]:
        return self._call(lambda: self._receive(queue, dq_name(queue), limit))

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self._settle(deliveries, lambda channel, tag: channel.basic_ack(tag))

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        self._settle(deliveries, lambda channel, tag: channel.basic_nack(tag, requeue=True))

    def count_waiting(self, queue: str) -> int:
        def count() -> int:
            self._broker.declare_queue(queue, ensure=True)
            declared = self._broker.channel.queue_declare(queue, passive=True)
            return int(declared.method.message_count)

        return self._call(count)

    def ping(self) -> None:
        # An exchange that always exists.
        self._call(lambda: self._broker.channel.exchange_declare("amq.direct", passive=True))

    def close(self) -> None:
        self._broker.close()

    def _publish(self, jobs: Sequence[ReadyJob]) -> None:
        for queue in {job.queue for job in jobs}:
            self._broker.declare_queue(queue, ensure=True)
        channel = self._transaction_channel()
        for job in jobs:
            message = message_for(job)
            properties = pika.BasicProperties(
                delivery_mode=pika.DeliveryMode.Persistent.value,
                priority=message.options["broker_priority"],
            )
            channel.basic_publish("", job.queue, message.encode(), properties)
        channel.tx_commit()

    def _transaction_channel(self) -> Any:
        channel = getattr(self._local, "channel", None)
        if channel is None or not channel.is_open:
            channel = self._local.channel = self._broker.connection.channel()
            channel.tx_select()
        return channel

    def _receive(self, queue: str, name: str, limit: int) -> list[Delivery]:
        self._broker.declare_queue(queue, ensure=True)
        channel = self._broker.channel
        deliveries: list[Delivery] = []
        while len(deliveries) < limit:
            delivery, _, body = channel.basic_get(name)
            if delivery is None:
                break
            try:
                message: Message[Any] = Message.decode(body)
            except DecodeError:
                logger.error("rejected a message in %r of RabbitMQ: not a dramatiq message", name)
                # RabbitMQ dead-letters it, as with dramatiq.
                channel.basic_nack(delivery.delivery_tag, requeue=False)
            else:
                deliveries.append(Delivery(message, (channel, delivery.delivery_tag)))
        return deliveries

    def _settle(self, deliveries: Sequence[Delivery], settle: Callable[[Any, int], None]) -> None:
        try:
            for delivery in deliveries:
                channel, tag = delivery.receipt
                settle(channel, tag)
        except _UNAVAILABLE:
            # RabbitMQ requeues the deliveries of a lost connection.
            self._disconnect()

    def _call(self, function: Callable[[], Result]) -> Result:
        """Return the result of a call to RabbitMQ.

        It is tried twice: an idle connection may be closed, or a queue may have been deleted.
        """
        try:
            return function()
        except _UNAVAILABLE:
            self._disconnect()
        try:
            return function()
        except _UNAVAILABLE as error:
            self._disconnect()
            raise BrokerUnavailable(f"RabbitMQ at {self.address}: {_reason(error)}") from error

    def _disconnect(self) -> None:
        """Drop the connection of this thread; the next call opens another."""
        self._local.channel = None
        del self._broker.connection
        # RabbitMQ may have lost the queues when it is available again.
        self._broker.queues_pending.update(self._broker.queues)


def _set_timeouts(parameters: Any, url: str) -> None:
    query = url.partition("?")[2]
    for name, seconds in (
        ("socket_timeout", TIMEOUT_SECONDS),
        ("stack_timeout", TIMEOUT_SECONDS),
        ("blocked_connection_timeout", TIMEOUT_SECONDS),
        ("heartbeat", HEARTBEAT_SECONDS),
    ):
        if f"{name}=" not in query:
            setattr(parameters, name, seconds)


def _reason(error: BaseException) -> str:
    """Return the innermost message of the exceptions that pika wraps."""
    inner = [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]
    for item in reversed(inner):
        if isinstance(item, BaseException):
            return _reason(item)
    return str(error) or type(error).__name__
