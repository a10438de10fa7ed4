"""What the suites of stores share: a RabbitMQ."""

from __future__ import annotations

from actionhero_tasks.testing.rabbitmq import rabbitmq_server

__all__ = ["rabbitmq_server"]
