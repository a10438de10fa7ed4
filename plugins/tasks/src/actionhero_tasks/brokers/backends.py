"""`RabbitmqBackend`: delivery through RabbitMQ. Importing it does not import the driver."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, ClassVar

from actionhero_tasks.brokers.backend import BrokerBackend

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.broker_url import BrokerUrl
    from actionhero_tasks.brokers.message_broker import MessageBroker


class RabbitmqBackend(BrokerBackend):
    """Delivers jobs through RabbitMQ."""

    title: ClassVar[str] = "RabbitMQ"
    schemes: ClassVar[frozenset[str]] = frozenset({"amqp", "amqps"})
    form: ClassVar[str] = (
        "amqp://user:password@host:5672/vhost, amqps:// for TLS, several of them with ; between"
    )
    allows_several: ClassVar[bool] = True
    requirement: ClassVar[str] = "actionhero-tasks[rabbitmq]"

    def unavailable_reason(self, app: Application) -> str | None:
        return _missing("pika")

    def open(self, app: Application, url: BrokerUrl) -> MessageBroker:
        from actionhero_tasks.brokers.rabbitmq import RabbitmqMessageBroker

        return RabbitmqMessageBroker(url.text, url.address)


def _missing(module: str) -> str | None:
    return None if importlib.util.find_spec(module) else f"{module!r} is not installed"
