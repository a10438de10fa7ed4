"""Opens the job store, and the delivery through a message broker, that the settings select."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

from actionhero import BootError, RunMode, UnavailableError
from actionhero_tasks.queue_limits import limits_of
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.stores.backend import StoreBackend
from actionhero_tasks.task import task_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actionhero import Application
    from actionhero_tasks.broker_url import BrokerUrl
    from actionhero_tasks.brokers.backend import BrokerBackend
    from actionhero_tasks.brokers.delivery import BrokerDelivery
    from actionhero_tasks.job import StoreUnavailable
    from actionhero_tasks.stores.outbox import Outbox
    from actionhero_tasks.stores.store import JobStore

Backend = TypeVar("Backend", "StoreBackend", "BrokerBackend")

#: The store that `auto` selects if no service is configured.
FALLBACK: Final = "embedded"
#: The backends of each application, by hook and by name or scheme.
_backends: WeakKeyDictionary[Application, dict[str, dict[str, Any]]] = WeakKeyDictionary()


def select_store(app: Application) -> StoreBackend:
    """Return the kind of store that the settings select.

    Raises:
        BootError: There is none, or it cannot be used; the message lists those that can be.
    """
    backends = _collect(app, "actionhero_tasks_stores", StoreBackend, lambda item: [item.name])
    name = app.get(TasksSettings).store
    if name == "auto":
        configured = (backend for backend in backends.values() if backend.is_configured(app))
        backend = next(configured, None) or backends[FALLBACK]
        if app.environment == "production" and not backend.is_shared:
            raise BootError(
                "neither Redis nor PostgreSQL is configured for jobs, and SQLite must be selected "
                "explicitly in production; set REDIS_URL, such as redis://localhost:6379/0, or "
                "DATABASE_URL, such as postgres://user:password@host:5432/name, or "
                f"ACTIONHERO_TASKS__STORE={backend.name} if no other machine runs or enqueues jobs"
            )
        return backend
    if name not in backends:
        raise BootError(
            f"tasks.store is {name!r}, which no plugin provides; available: auto, "
            f"{_listing(app, backends.items())}"
        )
    backend = backends[name]
    if (reason := backend.unavailable_reason(app)) is not None:
        raise BootError(f"tasks.store is {name!r}, and {reason}{_remedy(backend, reason)}")
    return backend


def store_error(app: Application, error: StoreUnavailable) -> UnavailableError:
    """Return the error of a command whose job store cannot be used."""
    variable = select_store(app).url_variable
    remedy = f"; start it, or set {variable} to another server" if variable else ""
    return UnavailableError(f"cannot use the job store: {error}{remedy}")


def select_broker(app: Application, url: BrokerUrl) -> BrokerBackend:
    """Return the kind of broker that a URL selects by its scheme.

    Raises:
        BootError: There is none, or it cannot be used; the message lists those that can be.
    """
    from actionhero_tasks.brokers.backend import BrokerBackend

    backends = _collect(
        app, "actionhero_tasks_brokers", BrokerBackend, lambda item: sorted(item.schemes)
    )
    forms = ((backend.form, backend) for backend in dict.fromkeys(backends.values()))
    available = f"available: {_listing(app, forms)}"
    for scheme in sorted(url.schemes - set(backends)):
        raise BootError(f"the scheme {scheme!r} of tasks.broker_url is unknown; {available}")
    selected = {backends[scheme] for scheme in url.schemes}
    backend = selected.pop()
    if selected or (len(url.addresses) > 1 and not backend.allows_several):
        raise BootError(f"tasks.broker_url has several URLs that are not one broker; {available}")
    if (reason := backend.unavailable_reason(app)) is not None:
        raise BootError(
            f"tasks.broker_url is a URL of {backend.title}, and {reason}{_remedy(backend, reason)}"
        )
    return backend


def validate_store_settings(app: Application) -> list[str]:
    """Return the errors because of which the application cannot use the selected store."""
    if app.has_invalid_settings:
        return []
    errors = []
    try:
        select_store(app)
    except BootError as error:
        errors.append(str(error))
    try:
        if (url := app.get(TasksSettings).broker_url) is not None:
            select_broker(app, url)
    except BootError as error:
        errors.append(str(error))
    return errors


def open_store(app: Application) -> JobStore:
    """Open the store that the settings select.

    Raises:
        BootError: The store cannot be used.
        StoreUnavailable: The store cannot be reached.
    """
    store = select_store(app).open(app)
    store.queue_limits = limits_of(app)
    if app.get(TasksSettings).broker_url is None and app.mode is not RunMode.CLI:
        outbox = store.outbox()
        if outbox is not None:
            # Jobs that were sent to a broker that is no longer configured.
            reset_sent_jobs(outbox, store.now_ms() + 1)
    return store


def open_delivery(app: Application, store: JobStore) -> BrokerDelivery | None:
    """Open the delivery of jobs through the broker of the settings; `None` if there is none.

    The broker is connected on first use.

    Raises:
        BootError: The store supports no broker.
    """
    url = app.get(TasksSettings).broker_url
    if url is None:
        return None
    from actionhero_tasks.brokers.delivery import BrokerDelivery

    outbox = store.outbox()
    if outbox is None:
        raise BootError(
            f"tasks.broker_url is set, and the store {select_store(app).name!r} supports no "
            "broker; remove the URL, or select another store with tasks.store"
        )
    counts = outbox.sent_counts()
    for queue in store.queue_limits.keys() & counts:
        # They are not delivered by the broker any more.
        outbox.reset_sent(queue, store.now_ms() + 1, counts[queue])
    backend = select_broker(app, url)
    queues = sorted({str(task_of(action).queue) for action in app.actions})
    return BrokerDelivery(store, outbox, backend, backend.open(app, url), url.address, queues)


def reset_sent_jobs(outbox: Outbox, before_ms: int) -> None:
    """Mark all jobs unsent that were sent to a broker before a time."""
    outbox.reset_stale(before_ms)
    for queue, count in outbox.sent_counts().items():
        outbox.reset_sent(queue, before_ms, count)


def runs_embedded(app: Application) -> bool:
    """Return whether the servers of this application run jobs too."""
    settings = app.get(TasksSettings)
    if settings.run_in_server is None:
        return not select_store(app).is_shared
    return settings.run_in_server


def _collect(
    app: Application, hook: str, type_: type[Backend], names_of: Callable[[Backend], list[str]]
) -> dict[str, Backend]:
    """Return the backends that plugins contribute, by name. The hook is called once.

    Raises:
        BootError: Two backends have the same name.
    """
    hooks = _backends.setdefault(app, {})
    if hook not in hooks:
        backends: dict[str, Backend] = {}
        for _, backend in app.plugins.collect(hook, type_, app=app):
            for name in names_of(backend):
                if (other := backends.setdefault(name, backend)) is not backend:
                    raise BootError(
                        f"{name!r} of {hook} is contributed twice, by "
                        f"{app.plugins.describe(other)} and by {app.plugins.describe(backend)}; "
                        "disable one of them with plugins.disabled"
                    )
        hooks[hook] = backends
    return hooks[hook]


def _listing(app: Application, backends: Iterable[tuple[str, Backend]]) -> str:
    """Return the names of backends for a message, with what to install for each."""
    return ", ".join(
        name
        if backend.unavailable_reason(app) is None or not backend.requirement
        else f"{name} (pip install {backend.requirement})"
        for name, backend in backends
    )


def _remedy(backend: StoreBackend | BrokerBackend, reason: str) -> str:
    # A reason may have a remedy of its own.
    return (
        f"; pip install {backend.requirement}" if backend.requirement and ";" not in reason else ""
    )
