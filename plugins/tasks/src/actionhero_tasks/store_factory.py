"""Where an application keeps its jobs, and where they wait, chosen from its settings."""

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
    from actionhero_tasks.outbox import Outbox
    from actionhero_tasks.store import JobStore
    from actionhero_tasks.tickets import TicketBroker

#: The folder in the data folder.
FOLDER: Final = "tasks"


def store_kind(app: Application) -> Literal["embedded", "redis"]:
    """Return where the settings ask for jobs to be kept."""
    chosen = app.get(TasksSettings).store
    if chosen != "auto":
        return chosen
    return "redis" if _redis_is_set(app) else "embedded"


def faults_in(app: Application) -> list[str]:
    """Return what keeps the chosen store from being used by this application."""
    if app.settings_are_wrong:
        return []
    settings = app.get(TasksSettings)
    url = settings.broker_url
    if url is not None and importlib.util.find_spec(url.kind.module) is None:
        fault = (
            f"tasks.broker_url is that of {url.kind.title}, and {url.kind.module!r} is not there; "
            f"pip install actionhero-tasks[{url.kind.extra}]"
        )
        return [fault]
    if settings.store == "redis" and _redis_settings(app) is None:
        fault = (
            "tasks.store is 'redis', and actionhero-redis is not there; pip install "
            "actionhero-tasks[redis], or take its name out of plugins.disabled"
        )
        return [fault]
    if app.environment == "production" and settings.store == "auto" and not _redis_is_set(app):
        fault = (
            "there is no Redis for jobs, and in production a file of this machine is not taken "
            "unless it was chosen by hand; set REDIS_URL, such as redis://localhost:6379/0, or "
            "ACTIONHERO_TASKS__STORE=embedded if no other machine runs or enqueues jobs"
        )
        return [fault]
    return []


def open_store(app: Application) -> JobStore:
    """Open the store that the settings ask for, and the broker, if there is one.

    Raises:
        BootError: It cannot be used.
        StoreUnavailable: The store cannot be reached. A broker is reached when it is used.
    """
    store = _open_inner(app)
    url = app.get(TasksSettings).broker_url
    outbox = store.outbox()
    if outbox is None:
        return store
    if url is None:
        if app.mode is not RunMode.CLI:
            # There was a broker once: what waits in it would wait for ever.
            take_back(outbox, store.now_ms() + 1)
        return store
    from actionhero_tasks.brokered_store import BrokeredStore

    queues = {task_of(action).queue for action in app.actions}
    return BrokeredStore(store, outbox, _open_broker(url), queues)


def take_back(outbox: Outbox, before_ms: int) -> None:
    """Let what waits in a broker since before a time wait in the store."""
    outbox.mend(before_ms)
    for queue, count in outbox.sent().items():
        outbox.unsend(queue, before_ms, count)


def _open_broker(url: BrokerUrl) -> TicketBroker:
    if url.kind.extra == "rabbitmq":
        from actionhero_tasks.rabbitmq_tickets import RabbitmqTickets

        return RabbitmqTickets(url.text, url.address)
    from actionhero_tasks.postgres_tickets import PostgresTickets

    return PostgresTickets(url.text, url.address)


def _open_inner(app: Application) -> JobStore:
    result_ttl_ms = int(app.get(TasksSettings).result_ttl.total_seconds() * 1000)
    if store_kind(app) == "redis":
        return _redis_store(app, result_ttl_ms)
    from actionhero_tasks.sqlite_store import SqliteStore

    folder = app.get(AppSettings).make_data_dir() / FOLDER
    return SqliteStore(folder, result_ttl_ms=result_ttl_ms)


def runs_embedded(app: Application) -> bool:
    """Whether the servers of this application run jobs too."""
    settings = app.get(TasksSettings)
    return (
        store_kind(app) == "embedded" if settings.run_in_server is None else settings.run_in_server
    )


def _redis_store(app: Application, result_ttl_ms: int) -> JobStore:
    from actionhero_redis import clients_for, select_store
    from actionhero_tasks.redis_store import RedisStore

    clients = clients_for(app, select_store(app))
    return RedisStore(
        lambda: clients.connect_sync(decode=False),
        # One hash tag, so that a cluster keeps all of it on one server, as scripts need it.
        f"{clients.prefix}{{tasks}}:",
        result_ttl_ms=result_ttl_ms,
    )


def _redis_settings(app: Application) -> Any:
    """Return the settings of Redis, or `None` if its plugin is not there."""
    # By its name: this package does without.
    return next((section for section in app.settings if section.section == "redis"), None)


def _redis_is_set(app: Application) -> bool:
    settings = _redis_settings(app)
    return settings is not None and settings.url is not None
