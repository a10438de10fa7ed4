"""What this package adds to ActionHero. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import hookimpl

if TYPE_CHECKING:
    import click
    from aiohttp import web

    from actionhero import Application, Initializer, Middleware, Server, Settings


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_tasks import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_tasks.settings import TasksSettings

    return [TasksSettings]


@hookimpl
def actionhero_initializers() -> list[Initializer]:
    from actionhero_tasks.initializer import TasksInitializer

    return [TasksInitializer()]


@hookimpl
def actionhero_middleware() -> list[Middleware]:
    from actionhero_tasks.request_context import Origin

    return [Origin()]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_tasks import store_factory, task

    return [*task.faults_in(app), *store_factory.faults_in(app)]


@hookimpl
def actionhero_servers(app: Application) -> list[Server]:
    from actionhero_tasks.servers import servers_for

    return servers_for(app)


@hookimpl(optionalhook=True)
def actionhero_web_routes(app: Application) -> list[web.AbstractRouteDef]:
    from actionhero_tasks.page.routes import routes_for

    return routes_for(app)


@hookimpl(optionalhook=True)
def actionhero_web_application(application: web.Application, app: Application) -> None:
    from actionhero_tasks.page.routes import close_with

    close_with(application, app)


@hookimpl
def actionhero_doctor_checks(app: Application, deploy: bool) -> list[Any]:
    from actionhero_tasks.doctor_checks import diagnose

    return diagnose(app, deploy=deploy)


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    for name, target, short_help in (
        ("worker", "worker_command:worker", "Run jobs, until told to stop."),
        (
            "scheduler",
            "worker_command:scheduler",
            "Enqueue actions that recur, until told to stop.",
        ),
        ("enqueue", "enqueue_command:enqueue", "Enqueue an action: enqueue NAME --field value …"),
        ("job", "job_commands:job", "Look at a job: its status, progress, result."),
        ("tasks", "task_commands:tasks", "Look at queues, schedules and dead letters."),
    ):
        group.add_command(LazyCommand(name, f"actionhero_tasks.{target}", short_help))
