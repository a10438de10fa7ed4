"""The hook specifications of core, in the order of their calls.

Each hook is called once, at start-up, and returns objects. Asynchronous code belongs to the methods
of these objects. No hook is called while a call is executed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from actionhero.action import Action
    from actionhero.application import Application
    from actionhero.health import Diagnosis
    from actionhero.initializer import Initializer
    from actionhero.plugins.command_targets import CommandTarget
    from actionhero.server import Server, Supervisor
    from actionhero.settings import Settings

#: The project name in pluggy, and the attribute that its marker sets.
PROJECT = "actionhero"
IMPLEMENTATION_ATTRIBUTE = f"{PROJECT}_impl"

hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a function of a `plugin.py` as the implementation of the hook with the same name.
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def actionhero_hookspecs() -> Sequence[object] | None:
    """Further hook specifications, so that a plugin can have plugins.

    Called first, before the other hook implementations are validated.

    Returns:
        Modules or classes with `@hookspec` functions. The names begin with `actionhero_`, followed
        by the name of your plugin, as in `actionhero_web_routes`.

    Order:
        The order of registration.

    Example:
        ```python
        @hookimpl
        def actionhero_hookspecs():
            from actionhero_web import hookspecs

            return [hookspecs]
        ```
    """


@hookspec
def actionhero_settings() -> Sequence[type[Settings]] | None:
    """Settings classes, one per section.

    Called before the application is assembled, so it has no argument `app`.

    Returns:
        Subclasses of `Settings`. Two plugins with the same section are an error.

    Order:
        The order of registration, which makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_settings():
            from actionhero_ratelimit.settings import RateLimitSettings

            return [RateLimitSettings]
        ```
    """


@hookspec
def actionhero_component_types() -> Sequence[type] | None:
    """Base classes whose subclasses in the application package are found automatically.

    Called while the application is loaded, before its modules are searched. `Action`,
    `Initializer` and `Server` are included already. `app.components(type_)` returns the subclasses.

    Returns:
        Classes, such as `Channel`.

    Order:
        The order of registration, which makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_component_types():
            from actionhero_channels import Channel

            return [Channel]
        ```
    """


@hookspec
def actionhero_initializers(app: Application) -> Sequence[Initializer] | None:
    """Initializers, which start before the servers and stop after them.

    Called while the application is loaded: settings are available, nothing has started.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        Initializers. They are sorted by their dependencies.

    Order:
        The order of registration, the application last. It determines the order of initializers
        that do not depend on each other.

    Example:
        ```python
        @hookimpl
        def actionhero_initializers(app):
            from actionhero_redis.pool import RedisPool

            return [RedisPool(app.get(RedisSettings))]
        ```
    """


@hookspec
def actionhero_actions(app: Application) -> Sequence[type[Action]] | None:
    """Actions of the plugin.

    Called once, while the application is loaded. The actions of the application package are found
    without this hook.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        Classes, not instances. Two actions with the same name are an error.

    Order:
        The order of registration, which makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_actions():
            from actionhero_hello.hello import Hello

            return [Hello]
        ```
    """


@hookspec
def actionhero_action_attributes() -> Sequence[str] | None:
    """Names of the attributes of actions that the plugin reads, such as `web` or `task`.

    Called once, while the application is loaded, in every process: import nothing heavy.

    Returns:
        Names. Attributes of actions that neither core nor a plugin reads are reported; those whose
        names are near misses of known ones are errors.

    Order:
        The order of registration, which makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_action_attributes():
            return ["schedule"]
        ```
    """


@hookspec
def actionhero_validate(app: Application) -> Sequence[str] | None:
    """Errors in the attributes of actions that belong to the plugin, such as `web` or `task`.

    Called once, when all actions are registered, in every process: import nothing heavy.

    Args:
        app: The application; `app.actions` contains all actions.

    Returns:
        A message for each error, with the name of the action, its file and the remedy. The
        application does not start if there is an error.

    Order:
        The order of registration, which makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_validate(app):
            return [
                f"action {action.name!r} ({action.source}) has mcp = {action.attribute('mcp')!r}; "
                "set True or False"
                for action in app.actions
                if not isinstance(action.attribute("mcp") or False, bool)
            ]
        ```
    """


@hookspec
def actionhero_requirement_types(app: Application) -> Sequence[type] | None:
    """Types of requirements that the plugin enforces, in the attribute `requires` of actions.

    Called once, when all actions are registered, in every process: import nothing heavy.

    Args:
        app: The application. `requires` of each of `app.actions` has the requirements of the
            action and of the groups of its routes.

    Returns:
        Classes. The application does not start if an action requires something else, except for
        middleware, which core runs: otherwise a disabled plugin would make such actions public.

    Order:
        The order of registration, which makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_requirement_types():
            return [Scope]
        ```
    """


@hookspec
def actionhero_servers(app: Application) -> Sequence[Server] | None:
    """Servers, each of which runs a transport.

    Called last, while the application is loaded: all actions are registered.

    Args:
        app: The application; `app.actions` contains all actions.

    Returns:
        Servers. They start after all initializers, and stop before them.

    Order:
        The order of registration, the application last.

    Example:
        ```python
        @hookimpl
        def actionhero_servers(app):
            from actionhero_web.server import WebServer

            return [WebServer(app)]
        ```
    """


@hookspec(firstresult=True)
def actionhero_supervisor(app: Application) -> Supervisor | None:
    """A supervisor, which starts worker processes instead of serving in this process.

    Called by `actionhero start` when the application is loaded and before it starts, so that
    processes are forked before connections and an event loop exist.

    Args:
        app: The loaded application.

    Returns:
        A supervisor if the settings require one (several workers, reloading), or `None`.

    Order:
        The reverse order of registration. The first supervisor is used.

    Example:
        ```python
        @hookimpl
        def actionhero_supervisor(app):
            return Reloader(app) if app.get(WebSettings).reload else None
        ```
    """


@hookspec
def actionhero_doctor_checks(app: Application, deploy: bool) -> Sequence[Diagnosis] | None:
    """Results of checks for `actionhero doctor`, beyond the health checks of initializers.

    Called by `actionhero doctor` only.

    Args:
        app: The loaded application; nothing has started.
        deploy: Whether to check for production, too.

    Returns:
        A `Diagnosis` for each check.

    Order:
        The order of registration.

    Example:
        ```python
        @hookimpl
        def actionhero_doctor_checks():
            return [Diagnosis("parser", Finding.OK, "aiohttp's C parser is in use")]
        ```
    """


@hookspec
def actionhero_commands(group: click.Group) -> None:
    """Commands of the `actionhero` program.

    Called by every run of the command line, including `--help`: import nothing heavy. Add a
    `LazyCommand`, which is imported when it runs.

    Args:
        group: The click group `actionhero`.

    Order:
        The order of registration. Two commands with the same name are an error.

    Example:
        ```python
        @hookimpl
        def actionhero_commands(group):
            from actionhero.cli import LazyCommand

            group.add_command(
                LazyCommand("routes", "actionhero_web.commands:routes", "List the HTTP routes.")
            )
        ```
    """


@hookspec
def actionhero_command_targets() -> Sequence[CommandTarget] | None:
    """Places other than this process where commands of core run, such as a server.

    Called if there is an option before the command that core does not have, if a variable such as
    `ACTIONHERO_URL` is set, and by `--help`: import nothing heavy.

    Returns:
        Targets: their options, and the commands that replace those of core.

    Order:
        The order of registration. The first target that is selected runs the command.

    Example:
        ```python
        @hookimpl
        def actionhero_command_targets():
            from actionhero_remote.target import server_target

            return [server_target()]
        ```
    """
