"""Brokers that others have published for dramatiq, as plugins contribute them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from actionhero_redis.testing import ThrowAwayRedis, throw_away_redis
from actionhero_tasks.brokers.backend import BrokerBackend
from actionhero_tasks.testing import BrokerContract
from actionhero_tasks.testing.rabbitmq import throw_away_rabbitmq

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dramatiq import Broker

    from actionhero import Application
    from actionhero_tasks.broker_url import BrokerUrl
    from actionhero_tasks.testing.rabbitmq import ThrowAwayRabbitmq


class RedisQueueBackend(BrokerBackend):
    """dramatiq's own broker for Redis."""

    title: ClassVar[str] = "the queue in Redis"
    schemes: ClassVar[frozenset[str]] = frozenset({"redis"})
    form: ClassVar[str] = "redis://host:6379/0"

    def open(self, app: Application, url: BrokerUrl) -> Broker:
        from dramatiq.brokers.redis import RedisBroker

        return RedisBroker(url=url.text, middleware=[])


class KombuBackend(BrokerBackend):
    """`dramatiq-kombu-broker`, over RabbitMQ."""

    title: ClassVar[str] = "kombu"
    schemes: ClassVar[frozenset[str]] = frozenset({"amqp"})
    form: ClassVar[str] = "amqp://host:5672"

    def open(self, app: Application, url: BrokerUrl) -> Broker:
        from dramatiq_kombu_broker.broker import (  # type: ignore[import-untyped]
            ConnectionSharedKombuBroker,
            ThreadSafeDramatiqConsumer,
        )

        class ReturningConsumer(ThreadSafeDramatiqConsumer):  # type: ignore[misc]
            """Returns messages. The consumer of the package keeps them until its process ends."""

            def close(self) -> None:
                self._reader.consumer.cancel()
                self.channel.basic_recover(requeue=True)
                super().close()

        class ReturningBroker(ConnectionSharedKombuBroker):  # type: ignore[misc]
            DramatiqConsumer = ReturningConsumer

        broker: Broker = ReturningBroker(
            middleware=[],
            kombu_connection_options={"hostname": url.text, "connect_timeout": 5},
            max_priority=10,
            max_enqueue_attempts=1,
            max_declare_attempts=1,
        )
        return broker


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[ThrowAwayRabbitmq]:
    """Not the shared server: the package declares queues with other arguments than dramatiq."""
    with throw_away_rabbitmq() as server:
        yield server


class TestRedisQueue(BrokerContract):
    """A broker from which messages are fetched."""

    has_priorities = False

    @pytest.fixture
    def backend(self) -> BrokerBackend:
        return RedisQueueBackend()

    @pytest.fixture
    def broker_url(self, server: ThrowAwayRedis) -> str:
        return server.url


# dramatiq-kombu-broker 0.3 uses an old name of an exception.
@pytest.mark.filterwarnings("ignore:The class 'ConnectionError' has been renamed")
class TestKombu(BrokerContract):
    """A broker that pushes messages."""

    @pytest.fixture
    def backend(self) -> BrokerBackend:
        return KombuBackend()

    @pytest.fixture
    def broker_url(self, rabbitmq: ThrowAwayRabbitmq) -> str:
        return rabbitmq.url
