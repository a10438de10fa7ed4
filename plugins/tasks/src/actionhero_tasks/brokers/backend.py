"""`BrokerBackend`: a kind of message broker, as plugins contribute it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dramatiq import Broker, Message

    from actionhero import Application
    from actionhero_tasks.broker_url import BrokerUrl


class BrokerBackend(ABC):
    """A kind of message broker, which the hook `actionhero_tasks_brokers` contributes.

    Any broker of dramatiq can be one: messages are sent by `Broker.enqueue`, and received by the
    consumers of `Broker.consume`. Every method but `unavailable_reason` is called in threads, and
    may raise any exception: jobs are stored in any case, and sent later.

    The module must not import the driver: it is imported with every application that has a
    `tasks.broker_url`.
    """

    #: Its name in messages.
    title: ClassVar[str]
    #: The schemes of its URLs.
    schemes: ClassVar[frozenset[str]]
    #: The form of its URLs, for messages, such as `amqp://user:password@host:5672/vhost`.
    form: ClassVar[str]
    #: Whether several URLs with `;` between are one broker.
    allows_several: ClassVar[bool] = False
    #: What `pip install` needs for it, for messages; empty if nothing is needed.
    requirement: ClassVar[str] = ""
    #: How long a consumer waits for a message, in milliseconds. A worker asks one queue after the
    #: other, so it should be short; for a driver that accepts whole seconds only, 0.
    receive_timeout_ms: ClassVar[int] = 1

    def unavailable_reason(self, app: Application) -> str | None:
        """Return why the application cannot use the broker, or `None` if it can.

        Such as that a driver is not installed. Whether a server responds is not checked.

        Args:
            app: The loaded application.
        """
        return None

    @abstractmethod
    def open(self, app: Application, url: BrokerUrl) -> Broker:
        """Return a broker without middleware. It should connect on first use.

        Args:
            app: The loaded application.
            url: The URL, whose scheme is one of `schemes`.
        """

    def publish(self, broker: Broker, messages: Sequence[Message[Any]]) -> None:
        """Send messages; the broker has stored them when this returns.

        Override it if the broker can store many messages in one step.

        Args:
            broker: The broker.
            messages: The messages, by priority within each queue.
        """
        for message in messages:
            broker.declare_queue(message.queue_name)
            broker.enqueue(message)

    def ping(self, broker: Broker, queue: str) -> None:
        """Raise if the broker cannot be used now.

        Args:
            broker: The broker.
            queue: One of the queues of the application.
        """
        broker.declare_queue(queue)
        broker.consume(queue, prefetch=1, timeout=self.receive_timeout_ms).close()

    def recover(self, broker: Broker) -> None:
        """Called after an error, before the broker is used again, such as to declare queues."""
