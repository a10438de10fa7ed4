"""`Application`: the interface of the application for initializers, servers and hooks."""

from __future__ import annotations

from dataclasses import dataclass
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
    """The purpose of a process."""

    SERVER = "server"
    WORKER = "worker"
    SCHEDULER = "scheduler"
    CLI = "cli"


class ContributingPlugin(Protocol):
    """A plugin, as far as messages need it."""

    @property
    def owner(self) -> str:
        """Its name in messages: `plugin 'web' (actionhero-web 0.1.0)`."""


@dataclass(frozen=True)
class Link:
    """A URL of a running server, which is printed after the start."""

    #: Its name: `Docs`.
    label: str
    url: str


class RunningServer(Protocol):
    """A server of the application, as far as commands need it."""

    name: ClassVar[str]

    def announcement(self) -> Sequence[str]:
        """Return the lines to print after the start, such as the address of the server."""

    def links(self) -> Sequence[Link]:
        """Return the URLs of its pages, to print after a start in development."""

    def examples(self) -> Sequence[str]:
        """Return commands that succeed on this server, to print after a start in development."""


class HookCaller(Protocol):
    """The registered plugins. A plugin calls its own hooks through it."""

    def collect(
        self, hook: str, type_: type[Any] | None = None, *, classes: bool = False, **arguments: Any
    ) -> Sequence[tuple[ContributingPlugin, Any]]:
        """Call `hook` of every plugin, and return each contribution with its plugin.

        A contribution of another type becomes a problem of the application, and is left out.

        Args:
            hook: The name of the hook.
            type_: The type that each contribution must be an instance of; `None`: any.
            classes: Whether subclasses of `type_` are expected instead of instances.
            arguments: The arguments of the hook; each implementation gets those it declares.
        """

    def call(self, hook: str, **arguments: Any) -> None:
        """Call `hook` of every plugin for its side effects."""

    def describe(self, item: object) -> str:
        """Return the name of `item` in messages: its class, and the plugin that contributed it."""

    def implementers(self, hook: str) -> Sequence[ContributingPlugin]:
        """Return the plugins that implement `hook`, in the order in which they are called."""


class Application(Protocol):
    """The application.

    Initializers, servers and hooks receive it, and `call.get(Application)` returns it. It is
    implemented by `App`.
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
        """The time of loading, from `time.monotonic`, in seconds."""

    @property
    def settings(self) -> LoadedSettings:
        """All sections of settings, with the origin of every value."""

    @property
    def has_invalid_settings(self) -> bool:
        """Whether settings are invalid. These are left out, so their defaults apply."""

    @property
    def problems(self) -> list[str]:
        """The errors of plugins and settings. The application does not start if there are any."""

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
        """The servers of this process."""

    @property
    def ready(self) -> bool:
        """Whether all servers have started, and new calls are accepted."""

    @property
    def is_stopping(self) -> bool:
        """Whether the shutdown has begun: no new calls are accepted."""

    @property
    def grace_seconds(self) -> float:
        """How long open calls may continue after the shutdown began, in seconds."""

    def secret_key(self) -> str:
        """Return `app.secret_key`; outside of production a generated one, if it is not set.

        Raises:
            ConfigurationError: It is not set in production, or the generated key cannot be read
                or written.
        """

    def get(self, type_: type[Resource]) -> Resource:
        """Return the settings of a section class, or the resource provided as `type_`.

        Raises:
            BootError: Nothing is provided as `type_`. The message lists the known types.
        """

    def provide(self, type_: type[Resource], value: Resource) -> None:
        """Make `value` available as `type_`, to `app.get` and `call.get`."""

    def has(self, type_: type) -> bool:
        """Return whether `get` has a value for `type_`."""

    def components(self, type_: type[Resource]) -> list[type[Resource]]:
        """Return the subclasses of `type_` that the application package defines.

        Args:
            type_: A type from the hook `actionhero_component_types`.
        """

    async def start(self) -> None:
        """Initialize and start all initializers, then start all servers.

        Raises:
            BootError: One of them failed. The others have been stopped.
        """

    async def stop(self) -> None:
        """Stop all servers, then all initializers in reverse order."""

    def raise_for_problems(self) -> None:
        """Raise if there are problems.

        Raises:
            PluginError: The message lists all of them.
        """
