"""`RabbitmqBackend`: RabbitMQ, with the broker of dramatiq. Importing it imports no driver."""

from __future__ import annotations

import importlib.util
import logging
from typing import TYPE_CHECKING, Any, ClassVar, Final

from actionhero_tasks.brokers.backend import BrokerBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dramatiq import Broker, Message

    from actionhero import Application
    from actionhero_tasks.broker_url import BrokerUrl

#: The timeouts and the heartbeat interval in seconds, which the URL can override.
PARAMETERS: Final = {
    "socket_timeout": 5.0,
    "stack_timeout": 5.0,
    "blocked_connection_timeout": 5.0,
    "heartbeat": 15,
}


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
        return None if importlib.util.find_spec("pika") else "'pika' is not installed"

    def open(self, app: Application, url: BrokerUrl) -> Broker:
        return rabbitmq_broker(url.text)

    def publish(self, broker: Any, messages: Sequence[Message[Any]]) -> None:
        from pika.exceptions import AMQPError  # type: ignore[import-untyped]

        try:
            _publish(broker, messages)
        except (AMQPError, OSError):
            # An idle connection may be closed, or a queue may have been deleted.
            self.recover(broker)
            _publish(broker, messages)

    def ping(self, broker: Any, queue: str) -> None:
        import pika  # type: ignore[import-untyped]

        pika.BlockingConnection(broker.parameters).close()

    def recover(self, broker: Any) -> None:
        del broker.connection
        # RabbitMQ may have lost the queues when it is available again.
        broker.queues_pending.update(broker.queues)


def rabbitmq_broker(url: str) -> Broker:
    """Return a broker of dramatiq with timeouts and priorities."""
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    from actionhero_tasks.brokers.messages import LEVELS

    # An outage is logged once; pika and dramatiq log each attempt with its traceback.
    for name in ("pika", "dramatiq.brokers.rabbitmq"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    broker = RabbitmqBroker(url=url, middleware=[], max_priority=LEVELS)
    parameters: Any = broker.parameters
    query = url.partition("?")[2]
    for item in parameters if isinstance(parameters, list) else [parameters]:
        for name, value in PARAMETERS.items():
            if f"{name}=" not in query:
                setattr(item, name, value)
    return broker


def _publish(broker: Any, messages: Sequence[Message[Any]]) -> None:
    """Send messages in a transaction: one write to the disk, where each confirm would be one."""
    import pika

    for queue in {message.queue_name for message in messages}:
        broker.declare_queue(queue, ensure=True)
    channel = broker.connection.channel()
    channel.tx_select()
    for message in messages:
        properties = pika.BasicProperties(
            delivery_mode=pika.DeliveryMode.Persistent.value,
            priority=message.options["broker_priority"],
        )
        channel.basic_publish("", message.queue_name, message.encode(), properties)
    channel.tx_commit()
    channel.close()
