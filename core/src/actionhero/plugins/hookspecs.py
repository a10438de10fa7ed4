"""What a plugin may contribute, in the order in which it is asked.

Hooks furnish: each is called once, while the application is put together, and returns objects.
Whatever is asynchronous is a method of those objects. No hook is called while a call is under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from actionhero.action import Action
    from actionhero.application import Application
    from actionhero.connection import SessionStore
    from actionhero.health import Diagnosis
    from actionhero.initializer import Initializer
    from actionhero.middleware import Middleware
    from actionhero.server import Server, Supervisor
    from actionhero.settings import Settings

#: The project name that pluggy knows our hooks by, and the attributes its markers set.
PROJECT = "actionhero"
IMPLEMENTATION_ATTRIBUTE = f"{PROJECT}_impl"

hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a function of a `plugin.py` as the implementation of the hook of its name.
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def actionhero_hookspecs() -> Sequence[object] | None:
    """Modules or classes of further hook specifications, so that a plugin can have plugins.

    Called first of all, before any other hook is known to be spelt right.

    Returns:
        Objects whose `@hookspec` functions are hooks from now on. Their names begin with
        `actionhero_`; put your plugin's name next, as in `actionhero_web_routes`.

    Order:
        Plugins in the order in which they were registered.

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
    """Classes of settings, one section each.

    Called before anything is built, so there is no application to ask.

    Returns:
        Subclasses of `Settings`. Two plugins with one section are an error that names both.

    Order:
        Plugins in the order in which they were registered; it makes no difference.

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
    """Base classes whose subclasses in the application are found without being listed.

    Called while loading, before the application's modules are looked through. `Action`,
    `Initializer` and `Server` need no naming. What was found is `app.found(kind)`.

    Returns:
        Classes, such as `Channel`.

    Order:
        Plugins in the order in which they were registered; it makes no difference.

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
    """What is set up before the doors open, and taken down after they close.

    Called while loading: settings are known, nothing has started.

    Args:
        app: The application being put together; `app.get` gives settings.

    Returns:
        Initializers. They are put in order by what they require.

    Order:
        Plugins in the order in which they were registered, the application last. It decides
        where `requires` and `after` leave a choice.

    Example:
        ```python
        @hookimpl
        def actionhero_initializers(app):
            from actionhero_redis.pool import RedisPool

            return [RedisPool(app.get(RedisSettings))]
        ```
    """


@hookspec(firstresult=True)
def actionhero_session_store(app: Application) -> SessionStore | None:
    """Where sessions are kept.

    Called once, while loading. Without an answer a session lives as long as its connection.

    Args:
        app: The application being put together.

    Returns:
        A store, or `None` to leave it to others.

    Order:
        The application is asked first, then plugins, the one registered last before the others.
        The first answer that is not `None` wins, and nobody else is asked.

    Example:
        ```python
        @hookimpl
        def actionhero_session_store(app):
            return RedisSessionStore(app.get(SessionSettings))
        ```
    """


@hookspec
def actionhero_actions(app: Application) -> Sequence[type[Action]] | None:
    """Actions that the plugin brings.

    Called once, while loading. An application's own actions are found without this hook.

    Args:
        app: The application being put together.

    Returns:
        Classes, not instances. Two actions of one name are an error that names both owners.

    Order:
        Plugins in the order in which they were registered; it makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_actions():
            from actionhero_hello.hello import Hello

            return [Hello]
        ```
    """


@hookspec
def actionhero_middleware(app: Application) -> Sequence[Middleware] | None:
    """Middleware around every call, whichever door it came in by.

    Called once, while the application is loading: settings are known, nothing has started.

    Args:
        app: The application being put together; `app.get` gives settings.

    Returns:
        Middleware, the outermost first.

    Order:
        Plugins in the order in which they were registered, the application last and so
        innermost. `before` runs from the outside in, `after` from the inside out.

    Example:
        ```python
        @hookimpl
        def actionhero_middleware(app):
            return [RateLimit(app.get(RateLimitSettings))]
        ```
    """


@hookspec
def actionhero_validate(app: Application) -> Sequence[str] | None:
    """What is wrong with the actions, as far as your plugin's own attributes go.

    Called once, when all actions are known, in every kind of process, so import nothing heavy.
    This is where `web = …` or `task = …` on an action is looked at.

    Args:
        app: The application; `app.actions` are all its actions.

    Returns:
        A sentence for each fault, which names the action, its file and what to do. Nothing
        starts while there is one.

    Order:
        Plugins in the order in which they were registered; it makes no difference.

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
def actionhero_servers(app: Application) -> Sequence[Server] | None:
    """Doors by which calls come in.

    Called last while loading: actions are known and can be looked through for what is yours.

    Args:
        app: The application being put together; `app.actions` are all its actions.

    Returns:
        Servers. They start after every initializer, and stop before the first.

    Order:
        Plugins in the order in which they were registered, the application last.

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
    """A parent process that starts others in place of serving itself.

    Called by `actionhero start` when the application is loaded and before anything is built up,
    so that processes are forked before there are connections or an event loop.

    Args:
        app: The loaded application.

    Returns:
        A supervisor if the settings ask for one (several workers, reloading), or `None`.

    Order:
        The plugin registered last is asked first. The first answer that is not `None` wins.

    Example:
        ```python
        @hookimpl
        def actionhero_supervisor(app):
            return Reloader(app) if app.get(WebSettings).reload else None
        ```
    """


@hookspec
def actionhero_doctor_checks(app: Application, deploy: bool) -> Sequence[Diagnosis] | None:
    """What `actionhero doctor` should say of what your plugin leans on.

    Called by `actionhero doctor` alone. What an initializer's `check` tells needs no word here.

    Args:
        app: The loaded application; nothing has started.
        deploy: Whether what only matters in production is asked for.

    Returns:
        A `Diagnosis` for each thing that was looked at.

    Order:
        Plugins in the order in which they were registered.

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

    Called when the command line is built, on every run, `--help` included: import nothing heavy.
    Add a `LazyCommand`, which is imported when it is run.

    Args:
        group: The click group `actionhero`.

    Order:
        Plugins in the order in which they were registered. Two commands of one name are an error.

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
