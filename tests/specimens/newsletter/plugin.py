"""The middleware of the newsletter, of dramatiq and of other packages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import redis
import sentry_sdk
from dramatiq.middleware import CurrentMessage, GroupCallbacks, Middleware
from dramatiq.middleware.prometheus import Prometheus
from dramatiq.rate_limits.backends import RedisBackend as RedisRateLimits
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend as RedisResults
from dramatiq_abort import Abortable
from dramatiq_abort.backends import RedisBackend as RedisEvents
from dramatiq_workflow import WorkflowMiddleware
from sentry_sdk.integrations.dramatiq import DramatiqIntegration

from actionhero import hookimpl

if TYPE_CHECKING:
    from actionhero import Application

sentry_sdk.init(integrations=[DramatiqIntegration()])


@hookimpl
def actionhero_tasks_middleware(app: Application) -> list[Middleware]:
    """Return the middleware, with its backends in the Redis of the jobs."""
    # Without a timeout, because backends wait for results.
    client = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)
    limits = RedisRateLimits(client=client)
    return [
        CurrentMessage(),
        Prometheus(),
        Results(backend=RedisResults(client=client), store_results=True),
        GroupCallbacks(limits),
        Abortable(backend=RedisEvents(client=client)),
        WorkflowMiddleware(limits),
    ]
