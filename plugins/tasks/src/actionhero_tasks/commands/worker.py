"""`actionhero worker` and `actionhero scheduler`: run jobs and schedules until a stop signal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from actionhero import RunMode
from actionhero.cli import SettingOption, announce, configure_logs
from actionhero.transport import exit_soon, serve
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
@click.pass_obj
def worker(context: CommandContext) -> None:
    """Run jobs until it is stopped.

    SIGTERM or SIGINT stops the worker: it claims no more jobs, running jobs finish within
    process.shutdown_timeout, and the others return to the queue. A second signal exits at once,
    and loses no jobs either.
    """
    app = context.load(RunMode.WORKER)
    configure_logs(app)
    app.raise_for_problems()
    if WORKER_ID_VARIABLE in os.environ:
        exit_soon(serve(app, lambda: _announce_ready(app), parent=os.getppid()))
    from actionhero_tasks.worker.supervisor import WorkerSupervisor  # noqa: PLC0415 - only in the parent

    exit_soon(WorkerSupervisor(app).run())


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


def _announce_ready(app: Application) -> None:
    announce(app)
    HeartbeatWriter(int(os.environ[HEARTBEAT_VARIABLE])).write(READY)
