"""`actionhero worker` and `actionhero scheduler`: until told to stop."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from actionhero import RunMode
from actionhero.cli import SettingOption, announce, configure_logs
from actionhero.transport import exit_soon, serve
from actionhero_tasks.heartbeats import READY, HeartbeatWriter
from actionhero_tasks.servers import OWNER_VARIABLE, READY_VARIABLE

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.cli import CommandContext


@click.command(short_help="Run jobs, until told to stop.")
@click.option(
    "--queues",
    cls=SettingOption,
    setting="tasks.queues",
    metavar="A,B",
    help="The queues to take jobs from.  [default: all]",
)
@click.option(
    "--concurrency",
    "--threads",
    cls=SettingOption,
    setting="tasks.concurrency",
    type=int,
    help="How many jobs each process runs at once.",
)
@click.option(
    "--processes",
    cls=SettingOption,
    setting="tasks.processes",
    type=int,
    help="How many processes run jobs. One that ends is replaced.",
)
@click.option(
    "--health-address",
    cls=SettingOption,
    setting="tasks.health_address",
    metavar="[HOST:]PORT",
    help="Where /livez and /readyz tell over HTTP how the workers are.  [default: nowhere]",
)
@click.option(
    "--scheduler",
    cls=SettingOption,
    setting="tasks.scheduler",
    is_flag=True,
    flag_value=True,
    help="Enqueue actions that recur too. Any number of processes may.",
)
@click.pass_obj
def worker(context: CommandContext) -> None:
    """Run jobs, until told to stop.

    SIGTERM or SIGINT stops: no new job is taken, those that run finish within
    process.shutdown_timeout, the others go back into the queue. A second signal ends at once; then
    too no job is lost.
    """
    app = context.load(RunMode.WORKER)
    configure_logs(app)
    app.refuse_problems()
    if OWNER_VARIABLE in os.environ:
        exit_soon(serve(app, lambda: _tell_ready(app), parent=os.getppid()))
    from actionhero_tasks.supervisor import WorkerProcesses  # noqa: PLC0415 - only the parent

    exit_soon(WorkerProcesses(app).run())


@click.command(short_help="Enqueue actions that recur, until told to stop.")
@click.pass_obj
def scheduler(context: CommandContext) -> None:
    """Enqueue actions that recur, until told to stop.

    Any number may run, on any number of machines: each time is enqueued once.
    """
    app = context.load(RunMode.SCHEDULER)
    configure_logs(app)
    app.refuse_problems()
    exit_soon(serve(app, lambda: announce(app)))


def _tell_ready(app: Application) -> None:
    announce(app)
    HeartbeatWriter(int(os.environ[READY_VARIABLE])).tell(READY)
