"""What `actionhero doctor` says of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero.transport import Diagnosis, Finding
from actionhero_tasks.job import BrokerUnavailable, StoreUnavailable
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.store_factory import open_store, runs_embedded, store_kind

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.broker_url import BrokerUrl
    from actionhero_tasks.job import QueueCounts
    from actionhero_tasks.store import JobStore

#: A password of operators that is shorter, or has fewer different letters, can be guessed.
FEW_LETTERS: Final = 16
FEW_DIFFERENT: Final = 6


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return where jobs are kept, who runs them, and how many are dead letters."""
    if app.settings_are_wrong:
        return []
    kind = store_kind(app)
    url = app.get(TasksSettings).broker_url
    if deploy and kind == "embedded":
        although = "" if url is None else f", although they wait in {url.kind.title}"
        where = Diagnosis(
            "tasks.store",
            Finding.WARNING,
            f"jobs are in a file of this machine, and no other can run them{although}; set "
            "REDIS_URL to a server that all share",
        )
    else:
        told = "jobs are kept in " + ("Redis" if kind == "redis" else "a file of the data folder")
        where = Diagnosis("tasks.store", Finding.OK, told)
    found = [where, *(_of_page(app) if deploy else [])]
    try:
        store = open_store(app)
    except StoreUnavailable as error:
        return [*found, Diagnosis("tasks.queue", Finding.FAILED, f"cannot be used: {error}")]
    try:
        return [*found, *_of_broker(store, url), *_of_queues(app, store.counts(), store.owners())]
    except StoreUnavailable as error:
        return [*found, Diagnosis("tasks.queue", Finding.FAILED, f"cannot be asked: {error}")]
    finally:
        store.close()


def _of_broker(store: JobStore, url: BrokerUrl | None) -> list[Diagnosis]:
    if url is None:
        return []
    try:
        store.ping()
    except BrokerUnavailable as error:
        told = f"{error}; jobs are kept, and run when it is back"
        return [Diagnosis("tasks.broker", Finding.FAILED, told)]
    told = f"jobs that are ready wait in {url.kind.title} at {url.address}"
    return [Diagnosis("tasks.broker", Finding.OK, told)]


def _of_page(app: Application) -> list[Diagnosis]:
    """Return who sees the page for operators, where there is an HTTP server to show it."""
    settings = app.get(TasksSettings)
    # By its name: this package does without.
    if not settings.page or all(section.section != "web" for section in app.settings):
        return []
    name = "tasks.operator_password"
    if settings.operator_password is None:
        if app.environment == "development":
            message = f"is not set; {settings.page} is shown to this machine alone"
        else:
            message = f"is not set, so there is no page at {settings.page}"
        return [Diagnosis(name, Finding.OK, message)]
    password = settings.operator_password.get_secret_value()
    if len(password) < FEW_LETTERS or len(set(password)) < FEW_DIFFERENT:
        message = (
            f"can be guessed, and whoever has it may discard jobs at {settings.page}; take "
            f"{FEW_LETTERS} letters or more, such as the output of: "
            'python -c "import secrets; print(secrets.token_urlsafe())"'
        )
        return [Diagnosis(name, Finding.WARNING, message)]
    return [Diagnosis(name, Finding.OK, f"is asked for at {settings.page}")]


def _of_queues(app: Application, counts: list[QueueCounts], owners: list[str]) -> list[Diagnosis]:
    found = []
    waiting = sum(count.ready for count in counts)
    dead = sum(count.dead for count in counts)
    if waiting and not owners:
        by_servers = "start a server or a worker" if runs_embedded(app) else "start a worker"
        message = f"{waiting} jobs wait, and nobody runs any; {by_servers}"
        found.append(Diagnosis("tasks.workers", Finding.WARNING, message))
    if dead:
        message = f"{dead} jobs have failed for good; see: actionhero tasks dead"
        found.append(Diagnosis("tasks.dead", Finding.WARNING, message))
    return found
