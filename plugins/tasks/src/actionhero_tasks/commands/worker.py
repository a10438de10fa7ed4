"""`actionhero worker` and `actionhero scheduler`: run jobs and schedules until a stop signal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from actionhero import ConfigurationError, RunMode
from actionhero.cli import SettingOption, announce, configure_logs
from actionhero.transport import exit_soon, parent_id, serve
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.worker.heartbeats import HEARTBEAT_VARIABLE, READY, HeartbeatWriter
from actionhero_tasks.worker_id import WORKER_ID_VARIABLE

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.cli import CommandContext


@click.command(short_help="Run jobs until it is stopped.")
@click.option(
    "--queues",
    cls=SettingOption,
    setting="tasks.queues",
    metavar="A,B",
    help="The queues to claim jobs from.  [default: all]",
)
@click.option(
    "--concurrency",
    "--threads",
    cls=SettingOption,
    setting="tasks.concurrency",
    type=int,
    help="How many jobs each process runs concurrently.",
)
@click.option(
    "--processes",
    cls=SettingOption,
    setting="tasks.processes",
    type=int,
    help="How many processes run jobs. A process that ends is replaced.",
)
@click.option(
    "--health-address",
    cls=SettingOption,
    setting="tasks.health_address",
    metavar="[HOST:]PORT",
    help="Where /livez and /readyz are served over HTTP.  [default: not served]",
)
@click.option(
    "--scheduler",
    cls=SettingOption,
    setting="tasks.scheduler",
    is_flag=True,
    flag_value=True,
    help="Enqueue recurring actions too. Any number of processes may.",
)
@click.option(
    "--reload",
    cls=SettingOption,
    setting="tasks.reload",
    is_flag=True,
    flag_value=True,
    help="Restart when the application's code changes.",
)
@click.pass_obj
def worker(context: CommandContext) -> None:
    """Run jobs until it is stopped.

    SIGTERM or SIGINT stops the worker: it claims no more jobs, running jobs finish within
    process.shutdown_timeout, and the others return to the queue. A second signal exits at once,
    and loses no jobs either.
    """
    app = context.load(RunMode.WORKER)
    configure_logs(app)
    is_reloaded = not app.has_invalid_settings and app.get(TasksSettings).reload
    if WORKER_ID_VARIABLE in os.environ:
        app.raise_for_problems()
        exit_soon(serve(app, lambda: _announce_ready(app), parent=parent_id()))
    if not is_reloaded:
        # Otherwise the process of the worker reports them, and the next change may solve them.
        app.raise_for_problems()
    from actionhero_tasks.worker.supervisor import WorkerSupervisor  # noqa: PLC0415 - only in the parent

    exit_soon(WorkerSupervisor(app, _file_watcher() if is_reloaded else None).run())


@click.command(short_help="Enqueue recurring actions until it is stopped.")
@click.pass_obj
def scheduler(context: CommandContext) -> None:
    """Enqueue recurring actions until it is stopped.

    Several schedulers may run, also on several machines; each run is enqueued once.
    """
    app = context.load(RunMode.SCHEDULER)
    configure_logs(app)
    app.raise_for_problems()
    exit_soon(serve(app, lambda: announce(app)))


def _file_watcher() -> Any:
    """Return `watch_files`.

    Raises:
        ConfigurationError: watchfiles is not installed.
    """
    try:
        from actionhero.transport import watch_files  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError as error:
        if error.name != "watchfiles":
            raise
        raise ConfigurationError(
            "tasks.reload (--reload) needs watchfiles, which is not installed; install "
            "actionhero-tasks[reload], or disable tasks.reload"
        ) from error
    return watch_files


def _announce_ready(app: Application) -> None:
    announce(app)
    HeartbeatWriter(int(os.environ[HEARTBEAT_VARIABLE])).write(READY)
