"""`Application`: what initializers, servers and hooks may use of the application."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.action import ActionRegistry
    from actionhero.pipeline import Pipeline
    from actionhero.settings.loaded import LoadedSettings
    from actionhero.settings.sources import Environment, Sources

Resource = TypeVar("Resource")


class RunMode(StrEnum):
    """The purpose that a process was started for."""

    SERVER = "server"
    WORKER = "worker"
    SCHEDULER = "scheduler"
    CLI = "cli"


class ContributingPlugin(Protocol):
    """A plugin, as error messages name it."""

    @property
    def owner(self) -> str:
        """Its name, with its distribution and version: `plugin 'web' (actionhero-web 0.1.0)`."""


class RunningServer(Protocol):
    """A server of the application, as commands show it."""

    name: ClassVar[str]

    def announcement(self) -> Sequence[str]:
        """Return lines that show a person how to reach the server, once it has started."""


class HookCaller(Protocol):
    """Calls hooks; a plugin uses it for hooks of its own."""

    def collect(
        self, hook: str, kind: type[Any] | None = None, *, classes: bool = False, **arguments: Any
    ) -> Sequence[tuple[ContributingPlugin, Any]]:
        """Call `hook` of every plugin, and return each contribution with its plugin.

        A contribution of another type becomes a problem of the application, and is left out.

        Args:
            hook: The name of the hook.
            kind: The type that each contribution must be an instance of; `None`: any.
            classes: Whether subclasses of `kind` are expected instead of instances.
            arguments: The arguments of the hook; each implementation gets those it declares.
        """

    def call(self, hook: str, **arguments: Any) -> None:
        """Call `hook` of every plugin for its side effects."""

    def place_of(self, item: object) -> str:
        """Return the name of `item` in error messages: its class and the plugin it is from."""

    def implementers(self, hook: str) -> Sequence[ContributingPlugin]:
        """Return the plugins that implement `hook`, in the order in which they are called."""


class Application(Protocol):
    """The application that a plugin is part of.

    Initializers, servers and hooks receive it; `call.get(Application)` returns it too. `App`
    implements it.
    """

    @property
    def mode(self) -> RunMode:
        """The purpose of this process."""

    @property
    def environment(self) -> Environment:
        """`development`, `test` or `production`."""

    @property
    def sources(self) -> Sources:
        """The sources of the settings; another process loads the same application from them."""

    @property
    def loaded_at(self) -> float:
        """When the application was loaded, by `time.monotonic`, in seconds."""

    @property
    def settings(self) -> LoadedSettings:
        """All sections of settings, with the origin of every value."""

    @property
    def settings_are_wrong(self) -> bool:
        """Whether settings are invalid; their defaults are shown in their place."""

    @property
    def problems(self) -> list[str]:
        """All errors of plugins and settings found so far; the application does not start."""

    @property
    def plugins(self) -> HookCaller:
        """The registered plugins."""

    @property
    def actions(self) -> ActionRegistry:
        """All actions, by name."""

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline that every call goes through."""

    @property
    def servers(self) -> Sequence[RunningServer]:
        """The servers that this process opens."""

    @property
    def ready(self) -> bool:
        """Whether the application has started and accepts calls."""

    @property
    def is_stopping(self) -> bool:
        """Whether the shutdown has begun: no new calls are accepted."""

    @property
    def grace_seconds(self) -> float:
        """How long open calls may continue after the shutdown began, in seconds."""

    def get(self, type_: type[Resource]) -> Resource:
        """Return the settings of a section class, or the resource provided as `type_`.

        Raises:
            BootError: Nothing is provided as `type_`. The message lists the known types.
        """

    def provide(self, type_: type[Resource], value: Resource) -> None:
        """Make `value` available as `type_`, to `app.get` and `call.get`."""

    def has(self, type_: type) -> bool:
        """Return whether `get` finds something of `type_`."""

    def found(self, kind: type[Resource]) -> list[type[Resource]]:
        """Return the subclasses of `kind` that the application package defines.

        Args:
            kind: A type that a plugin names in `actionhero_component_types`.
        """

    async def start(self) -> None:
        """Initialize and start all initializers, then open all servers.

        Raises:
            BootError: One of them failed; those started before it have been stopped.
        """

    async def stop(self) -> None:
        """Close all servers, then stop all initializers in reverse order."""

    def refuse_problems(self) -> None:
        """Raise if there are problems.

        Raises:
            PluginError: The message lists all of them.
        """
