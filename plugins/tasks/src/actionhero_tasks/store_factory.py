"""Opens the job store, and the message broker, that the settings select."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Final, Literal

from actionhero import RunMode
from actionhero.settings import AppSettings
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.task import task_of

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.broker_url import BrokerUrl
    from actionhero_tasks.brokers.message_broker import MessageBroker
    from actionhero_tasks.stores.outbox import Outbox
    from actionhero_tasks.stores.store import JobStore

#: The folder of the embedded store in the data folder.
FOLDER: Final = "tasks"


def store_kind(app: Application) -> Literal["embedded", "redis"]:
    """Return the kind of store that the settings select."""
    store = app.get(TasksSettings).store
    if store != "auto":
        return store
    return "redis" if _redis_is_configured(app) else "embedded"


def validate_store_settings(app: Application) -> list[str]:
    """Return the error because of which the application cannot use the selected store."""
    if app.has_invalid_settings:
        return []
    settings = app.get(TasksSettings)
    url = settings.broker_url
    if url is not None and importlib.util.find_spec(url.kind.module) is None:
        error = (
            f"tasks.broker_url is a URL of {url.kind.title}, and {url.kind.module!r} is not "
            f"installed; pip install actionhero-tasks[{url.kind.extra}]"
        )
        return [error]
    if settings.store == "redis" and _redis_settings(app) is None:
        error = (
            "tasks.store is 'redis', and actionhero-redis is not active; pip install "
            "actionhero-tasks[redis], or remove it from plugins.disabled"
        )
        return [error]
    if (
        app.environment == "production"
        and settings.store == "auto"
        and not _redis_is_configured(app)
    ):
        error = (
            "no Redis is configured for jobs, and SQLite must be selected explicitly in "
            "production; set REDIS_URL, such as redis://localhost:6379/0, or "
            "ACTIONHERO_TASKS__STORE=embedded if no other machine runs or enqueues jobs"
        )
        return [error]
    return []


def open_store(app: Application) -> JobStore:
    """Open the store that the settings select, with the message broker, if one is set.

    Raises:
        BootError: The store cannot be used.
        StoreUnavailable: The store cannot be reached. The broker is connected on first use.
    """
    store = _open_inner(app)
    url = app.get(TasksSettings).broker_url
    outbox = store.outbox()
    if outbox is None:
        return store
    if url is None:
        if app.mode is not RunMode.CLI:
            # Jobs that were sent to a broker that is no longer configured.
            reset_sent_jobs(outbox, store.now_ms() + 1)
        return store
    from actionhero_tasks.brokers.brokered_store import BrokeredStore

    queues = {task_of(action).queue for action in app.actions}
    return BrokeredStore(store, outbox, _open_broker(url), queues)


def reset_sent_jobs(outbox: Outbox, before_ms: int) -> None:
    """Mark all jobs unsent that were sent to a broker before a time."""
    outbox.reset_stale(before_ms)
    for queue, count in outbox.sent_counts().items():
        outbox.reset_sent(queue, before_ms, count)


def runs_embedded(app: Application) -> bool:
    """Return whether the servers of this application run jobs too."""
    settings = app.get(TasksSettings)
    if settings.run_in_server is None:
        return store_kind(app) == "embedded"
    return settings.run_in_server


def _open_broker(url: BrokerUrl) -> MessageBroker:
    if url.kind.extra == "rabbitmq":
        from actionhero_tasks.brokers.rabbitmq import RabbitmqMessageBroker

        return RabbitmqMessageBroker(url.text, url.address)
    from actionhero_tasks.brokers.postgres import PostgresMessageBroker

    return PostgresMessageBroker(url.text, url.address)


def _open_inner(app: Application) -> JobStore:
    result_ttl_ms = int(app.get(TasksSettings).result_ttl.total_seconds() * 1000)
    if store_kind(app) == "redis":
        return _open_redis_store(app, result_ttl_ms)
    from actionhero_tasks.stores.sqlite.store import SqliteStore

    folder = app.get(AppSettings).make_data_dir() / FOLDER
    return SqliteStore(folder, result_ttl_ms=result_ttl_ms)


def _open_redis_store(app: Application, result_ttl_ms: int) -> JobStore:
    from actionhero_redis import RedisClients, clients_for, select_store
    from actionhero_tasks.stores.redis.store import RedisStore

    is_provided = app.has(RedisClients)
    clients = app.get(RedisClients) if is_provided else clients_for(app, select_store(app))
    return RedisStore(
        lambda: clients.connect_sync(decode=False),
        # With one hash tag, because the keys of a script must be on one node of a cluster.
        f"{clients.prefix}{{tasks}}:",
        result_ttl_ms=result_ttl_ms,
        clients=clients if is_provided else None,
    )


def _redis_settings(app: Application) -> Any:
    """Return the settings of actionhero-redis, or `None` if it is not active."""
    # By name, because this package does not depend on actionhero-redis.
    return next((section for section in app.settings if section.section == "redis"), None)


def _redis_is_configured(app: Application) -> bool:
    settings = _redis_settings(app)
    return settings is not None and settings.url is not None
