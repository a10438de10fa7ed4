"""The checks of `actionhero doctor` for background jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero import BootError
from actionhero.transport import Diagnosis, Finding
from actionhero_tasks.job import BrokerUnavailable, StoreUnavailable
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.store_factory import (
    open_delivery,
    open_store,
    runs_embedded,
    select_broker,
    select_store,
)

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.job import QueueCounts
    from actionhero_tasks.stores.store import JobStore

#: An operator password that is shorter, or has fewer distinct characters, is weak.
MIN_LENGTH: Final = 16
MIN_DISTINCT: Final = 6


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Check the store, the broker, the operator page, the workers and the dead letters."""
    if app.has_invalid_settings:
        return []
    try:
        backend = select_store(app)
    except BootError:
        # It is one of the errors because of which the application does not start.
        return []
    url = app.get(TasksSettings).broker_url
    if deploy and not backend.is_shared:
        broker = "" if url is None else f", even through {select_broker(app, url).title}"
        store_diagnosis = Diagnosis(
            "tasks.store",
            Finding.WARNING,
            f"jobs are stored in {backend.place}, and workers on other machines cannot run "
            f"them{broker}; set REDIS_URL, or DATABASE_URL of PostgreSQL, to a server that all "
            "machines share",
        )
    else:
        message = f"jobs are stored in {backend.place}"
        store_diagnosis = Diagnosis("tasks.store", Finding.OK, message)
    diagnoses = [store_diagnosis, *(_check_deployment(app) if deploy else [])]
    try:
        store = open_store(app)
    except StoreUnavailable as error:
        remedy = "start the server, or correct its URL" if backend.is_shared else "repair the file"
        message = f"cannot be opened: {error}; {remedy}"
        return [*diagnoses, Diagnosis("tasks.queue", Finding.FAILED, message)]
    try:
        return [
            *diagnoses,
            *_check_broker(app, store),
            *_check_queues(app, store.counts(), store.worker_ids()),
            *_check_schedules(app, store),
        ]
    except StoreUnavailable as error:
        return [*diagnoses, Diagnosis("tasks.queue", Finding.FAILED, f"cannot be read: {error}")]
    finally:
        store.close()


def _check_schedules(app: Application, store: JobStore) -> list[Diagnosis]:
    """Check that no last time of a schedule is in the future."""
    if app.problems:
        return []
    # It imports APScheduler if an action has a cron expression.
    from actionhero_tasks.worker.scheduler import is_ahead, schedules_of

    now = store.now_ms()
    # A new schedule is stored by schedulers only.
    last_times = store.fire_times()
    return [
        Diagnosis(
            "tasks.schedules",
            Finding.WARNING,
            f"the last time of {schedule.name!r} is {(last - now) // 1000} s ahead of the clock of "
            "the job store: the clock was set back, or is wrong; a scheduler begins anew",
        )
        for schedule in schedules_of(app)
        if (last := last_times.get(schedule.name)) is not None
        and is_ahead(schedule.times, last, now)
    ]


def _check_broker(app: Application, store: JobStore) -> list[Diagnosis]:
    delivery = open_delivery(app, store)
    if delivery is None:
        return []
    try:
        delivery.ping()
    except BrokerUnavailable as error:
        message = f"{error}; jobs are stored, and run when it is available again"
        return [Diagnosis("tasks.broker", Finding.FAILED, message)]
    finally:
        delivery.close()
    message = f"ready jobs are delivered through {delivery.place}"
    return [Diagnosis("tasks.broker", Finding.OK, message)]


def _check_deployment(app: Application) -> list[Diagnosis]:
    diagnoses = _check_page(app)
    if app.get(TasksSettings).reload:
        message = "is enabled; use it in development only"
        diagnoses.append(Diagnosis("tasks.reload", Finding.WARNING, message))
    return diagnoses


def _check_page(app: Application) -> list[Diagnosis]:
    """Check the access to the operator page, if there is an HTTP server."""
    settings = app.get(TasksSettings)
    # By name, because this package does not depend on actionhero-web and actionhero-console.
    if not settings.page or app.settings.find("web") is None:
        return []
    name = "tasks.operator_password"
    if settings.operator_password is None:
        if getattr(app.settings.find("console"), "path", ""):
            message = f"is not set; {settings.page} leads to the console, if it has operators"
        elif app.environment == "development":
            message = f"is not set; {settings.page} is available to clients on this machine only"
        else:
            message = f"is not set, so there is no page at {settings.page}"
        return [Diagnosis(name, Finding.OK, message)]
    password = settings.operator_password.get_secret_value()
    if len(password) < MIN_LENGTH or len(set(password)) < MIN_DISTINCT:
        message = (
            f"is weak, and allows the discarding of jobs at {settings.page}; use "
            f"{MIN_LENGTH} characters or more, such as the output of: "
            'python -c "import secrets; print(secrets.token_urlsafe())"'
        )
        return [Diagnosis(name, Finding.WARNING, message)]
    return [Diagnosis(name, Finding.OK, f"is required at {settings.page}")]


def _check_queues(
    app: Application, counts: list[QueueCounts], worker_ids: list[str]
) -> list[Diagnosis]:
    diagnoses = []
    ready = sum(count.ready for count in counts)
    dead = sum(count.dead for count in counts)
    if ready and not worker_ids:
        remedy = "start a server or a worker" if runs_embedded(app) else "start a worker"
        message = f"{ready} jobs are ready, and no worker is running; {remedy}"
        diagnoses.append(Diagnosis("tasks.workers", Finding.WARNING, message))
    if dead:
        message = f"{dead} jobs have failed permanently; see: actionhero tasks dead"
        diagnoses.append(Diagnosis("tasks.dead", Finding.WARNING, message))
    return diagnoses
