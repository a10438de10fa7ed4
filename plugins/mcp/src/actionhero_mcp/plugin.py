"""The plugin `mcp`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import hookimpl

if TYPE_CHECKING:
    import click

    from actionhero import Application, Link, Middleware, Server, Settings
    from actionhero_web import Endpoint


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_mcp import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_mcp.settings import McpSettings

    return [McpSettings]


# Jobs have the user of the current call, which middleware of the queue knows.
@hookimpl(trylast=True)
def actionhero_middleware() -> list[Middleware]:
    from actionhero_mcp.scopes import DeclaredScopes
    from actionhero_mcp.task_calls import TaskCalls

    return [DeclaredScopes(), TaskCalls()]


@hookimpl
def actionhero_action_attributes() -> list[str]:
    return ["mcp"]


# After the web server, which then reports the errors in routes as its own.
@hookimpl(trylast=True)
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_mcp.validation import validate

    return validate(app)


@hookimpl
def actionhero_servers(app: Application) -> list[Server]:
    from actionhero_mcp.server import McpServer

    return [McpServer(app)]


@hookimpl
def actionhero_web_endpoints(app: Application) -> list[Endpoint]:
    from actionhero_mcp.server import endpoints_for

    return endpoints_for(app)


# After the pages of people.
@hookimpl(trylast=True)
def actionhero_web_links(app: Application, origin: str) -> list[Link]:
    from actionhero_mcp.server import links_for

    return links_for(app, origin)


@hookimpl(optionalhook=True)
def actionhero_oauth_resources(app: Application) -> list[Any]:
    # Only the authorization server calls this, so it is installed.
    from actionhero_mcp.scopes import declared_scopes
    from actionhero_mcp.settings import McpSettings
    from actionhero_oauth import ProtectedResource

    settings = app.get(McpSettings)
    if settings.auth == "none":
        return []
    scopes = declared_scopes(app)
    return [ProtectedResource(settings.path, frozenset({"mcp"}), settings.url or "", scopes)]


@hookimpl(optionalhook=True)
def actionhero_tasks_enqueue_middleware(app: Application) -> list[Any]:
    # Only the job queue calls this and the next one, so it is installed.
    from actionhero_mcp.catalog import catalog_for
    from actionhero_mcp.task_questions import MarkTasks

    return [MarkTasks(app)] if catalog_for(app).has_tasks else []


@hookimpl(optionalhook=True)
def actionhero_tasks_questions(app: Application) -> list[Any]:
    from actionhero_mcp.catalog import catalog_for
    from actionhero_mcp.task_questions import TaskQuestions

    return [TaskQuestions(app)] if catalog_for(app).has_tasks else []


@hookimpl
def actionhero_doctor_checks(app: Application) -> list[Any]:
    from actionhero_mcp.warnings import diagnose

    return diagnose(app)


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    group.add_command(
        LazyCommand(
            "mcp",
            "actionhero_mcp.commands:mcp",
            "Serve, list and call tools of agents.",
            topic="API",
        )
    )
