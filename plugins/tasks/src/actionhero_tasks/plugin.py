"""The plugin `tasks`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import hookimpl
from actionhero_tasks.dramatiq.global_broker import watch_import

if TYPE_CHECKING:
    import click
    from aiohttp import web

    from actionhero import Application, Initializer, Instrument, Link, Server, Settings
    from actionhero_console import Account, Panel
    from actionhero_tasks.brokers.backend import BrokerBackend
    from actionhero_tasks.stores.backend import StoreBackend

# Before the modules of the application are imported, whose actors need a broker.
watch_import()


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
def actionhero_tasks_stores() -> list[StoreBackend]:
    from actionhero_tasks.stores.postgres.backend import PostgresBackend
    from actionhero_tasks.stores.redis.backend import RedisBackend
    from actionhero_tasks.stores.sqlite.backend import SqliteBackend

    return [RedisBackend(), PostgresBackend(), SqliteBackend()]


@hookimpl
def actionhero_tasks_brokers() -> list[BrokerBackend]:
    from actionhero_tasks.brokers.rabbitmq import RabbitmqBackend

    return [RabbitmqBackend()]


@hookimpl
def actionhero_action_attributes() -> list[str]:
    return ["task"]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_tasks.store_factory import validate_store_settings
    from actionhero_tasks.task_validation import validate_tasks

    return [*validate_tasks(app), *validate_store_settings(app)]


@hookimpl
def actionhero_servers(app: Application) -> list[Server]:
    from actionhero_tasks.worker.servers import servers_for

    return servers_for(app)


@hookimpl(optionalhook=True)
def actionhero_web_routes(app: Application) -> list[web.AbstractRouteDef]:
    from actionhero_tasks.operator_routes import routes_for

    return routes_for(app)


@hookimpl(optionalhook=True)
def actionhero_web_links(app: Application, origin: str) -> list[Link]:
    from actionhero_tasks.operator_routes import links_for

    return links_for(app, origin)


@hookimpl(optionalhook=True)
def actionhero_web_application(application: web.Application, app: Application) -> None:
    from actionhero_tasks.operator_routes import close_on_cleanup

    close_on_cleanup(application, app)


@hookimpl(optionalhook=True)
def actionhero_console_panels(app: Application) -> list[Panel]:
    from actionhero_tasks.console_panel import jobs_panel

    return [jobs_panel(app)]


@hookimpl(optionalhook=True)
def actionhero_console_accounts(app: Application) -> list[Account]:
    from actionhero_tasks.console_panel import accounts_for

    return accounts_for(app)


@hookimpl(optionalhook=True)
def actionhero_db_outbox_topics() -> list[str]:
    from actionhero_tasks.transactional_enqueuer import TOPIC

    return [TOPIC]


@hookimpl(optionalhook=True)
def actionhero_channels(app: Application) -> list[type[Any]]:
    from actionhero_tasks.progress_channel import channels_for

    return channels_for(app)


@hookimpl
def actionhero_doctor_checks(app: Application, deploy: bool) -> list[Any]:
    from actionhero_tasks.doctor_checks import diagnose

    return diagnose(app, deploy=deploy)


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    for name, target, short_help, topic in (
        ("worker", "commands.worker:worker", "Run jobs until it is stopped.", "Run"),
        (
            "scheduler",
            "commands.worker:scheduler",
            "Enqueue recurring actions until it is stopped.",
            "Run",
        ),
        (
            "enqueue",
            "commands.enqueue:enqueue",
            "Enqueue an action: enqueue NAME --field value …",
            "Call",
        ),
        ("job", "commands.job:job", "Show the status, progress or result of a job.", "Inspect"),
        (
            "tasks",
            "commands.tasks:tasks",
            "Show queues, workers, schedules and dead letters.",
            "Inspect",
        ),
    ):
        command = LazyCommand(name, f"actionhero_tasks.{target}", short_help, topic=topic)
        group.add_command(command)


@hookimpl
def actionhero_instruments(app: Application) -> list[Instrument]:
    from actionhero_tasks.instruments import instruments

    return instruments(app)
