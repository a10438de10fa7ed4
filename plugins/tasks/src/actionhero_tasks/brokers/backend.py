"""`BrokerBackend`: a kind of message broker, as plugins contribute it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.broker_url import BrokerUrl
    from actionhero_tasks.brokers.message_broker import MessageBroker


class BrokerBackend(ABC):
    """A kind of message broker, which the hook `actionhero_tasks_brokers` contributes.

    Its module must not import the driver: it is imported with every application that has a
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

    def unavailable_reason(self, app: Application) -> str | None:
        """Return why the application cannot use the broker, or `None` if it can.

        Such as that a driver is not installed. Whether a server responds is not checked.

        Args:
            app: The loaded application.
        """
        return None

    @abstractmethod
    def open(self, app: Application, url: BrokerUrl) -> MessageBroker:
        """Return a broker, which connects on first use.

        Args:
            app: The loaded application.
            url: The URL, whose scheme is one of `schemes`.
        """
