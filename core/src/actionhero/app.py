"""The application: everything that plugins contribute, put together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from actionhero.action import Action, ActionRegistry, RegisteredAction, find_subclasses
from actionhero.application import Application, RunMode
from actionhero.connection import SessionStore
from actionhero.errors import BootError, ConfigurationError, PluginError
from actionhero.health import Health
from actionhero.initializer import Initializer, Resources, in_order
from actionhero.lifecycle import DrainState, Lifecycle
from actionhero.middleware import Middleware
from actionhero.pipeline import Pipeline
from actionhero.plugins.discovery import Plugin, find_plugins, load_application
from actionhero.plugins.host import PluginHost
from actionhero.server import Server
from actionhero.settings import (
    CORE_SETTINGS,
    ActionsSettings,
    ErrorsSettings,
    LoadedSettings,
    ProcessSettings,
    Settings,
    load_settings,
)
from actionhero.settings.sources import BootSettings, Sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Resource = TypeVar("Resource")


class App:
    """One application, loaded: its settings, actions, initializers and servers.

    `app.get(SomeSettings)` and `app.get(Something)` reach settings and what initializers provide.
    Loading gathers problems rather than raise, so that `actionhero plugins` can show them all;
    `refuse_problems` is for whoever is about to start something.

    Args:
        sources: Where settings come from.
        mode: What this process is for.
        host: The plugins, registered.
        application_modules: The modules of the application, to look through for actions.
        settings: Settings given in code; they win over every source.
    """

    def __init__(
        self,
        sources: Sources,
        mode: RunMode,
        host: PluginHost,
        application_modules: Sequence[str] = (),
        settings: Iterable[Settings] = (),
    ) -> None:
        self.mode = mode
        #: Where its settings came from: another process loads the same application from them.
        self.sources = sources
        self.plugins = host
        self.environment = sources.environment
        #: By `time.monotonic`.
        self.loaded_at = time.monotonic()
        self._resources = Resources()
        self._modules = application_modules
        self._found: dict[type, list[Any]] = {}
        self._given_settings = list(settings)
        #: Whether settings are among the problems, and defaults are shown in their place.
        self.settings_are_wrong = False
        self.settings = self._load_settings(sources)
        self._resources.provide(App, self)
        self._resources.provide(Application, self)
        for section in self.settings:
            self._resources.provide(type(section), section)
        self.actions = ActionRegistry()
        self.initializers: list[Initializer] = []
        self.servers: list[Server] = []
        self._assemble()

    @classmethod
    def load(
        cls,
        sources: Sources,
        mode: RunMode = RunMode.SERVER,
        settings: Iterable[Settings] = (),
    ) -> App:
        """Find the installed plugins and the application, and put them together."""
        boot = sources.boot()
        found, problems = find_plugins(boot)
        return cls._build(sources, boot, found, problems, mode, settings)

    @classmethod
    def of(
        cls,
        implementations: Iterable[Any],
        sources: Sources,
        mode: RunMode = RunMode.SERVER,
        settings: Iterable[Settings] = (),
    ) -> App:
        """Put together the plugins given and no others, as tests do; nothing is looked for."""
        given = [
            Plugin(
                name=getattr(item, "__name__", type(item).__name__).removesuffix(".plugin"),
                module_name=getattr(item, "__name__", type(item).__module__),
                reason="given in code",
                implementation=item,
            )
            for item in implementations
        ]
        return cls._build(sources, sources.boot(), given, [], mode, settings)

    @classmethod
    def _build(
        cls,
        sources: Sources,
        boot: BootSettings,
        found: list[Plugin],
        problems: list[str],
        mode: RunMode,
        settings: Iterable[Settings],
    ) -> App:
        from actionhero.plugins import core_plugin  # noqa: PLC0415 - its action asks for `App`, so it is above

        host = PluginHost()
        host.problems += problems
        core = Plugin("core", "actionhero.plugins.core_plugin", reason="part of actionhero")
        core.implementation = core_plugin
        application, modules, faults = load_application(boot)
        host.problems += faults
        host.register([core, *found, *([application] if application else [])])
        return cls(sources, mode, host, modules, settings)

    # -- what there is -------------------------------------------------------------------------

    def get(self, type_: type[Resource]) -> Resource:
        """Return the settings of a section class, or what was provided as `type_`.

        Raises:
            BootError: There is no such thing. The message lists what there is.
        """
        return self._resources.get(type_)

    def provide(self, type_: type[Resource], value: Resource) -> None:
        """Make `value` reachable by its type, for `app.get` and `call.get`."""
        self._resources.provide(type_, value)

    def has(self, type_: type) -> bool:
        """Whether `get` would find something."""
        return type_ in self._resources

    def found(self, kind: type[Resource]) -> list[type[Resource]]:
        """Return the subclasses of a kind that the application defines; see `actionhero_component_types`."""
        return list(self._found.get(kind, ()))

    @property
    def problems(self) -> list[str]:
        """All that is wrong with plugins and settings: nothing starts while there is anything."""
        return self.plugins.problems

    def refuse_problems(self) -> None:
        """Raise if anything is wrong.

        Raises:
            PluginError: The message lists all of it.
        """
        self.plugins.refuse_problems()

    # -- its life ------------------------------------------------------------------------------

    @property
    def is_stopping(self) -> bool:
        """Whether the shutdown has begun: no new calls are accepted."""
        return self.lifecycle.drain.state is not DrainState.RUNNING

    @property
    def grace_seconds(self) -> float:
        """How long open calls may continue after the shutdown began, in seconds."""
        return self.lifecycle.grace_seconds

    @property
    def ready(self) -> bool:
        """Whether new work is welcome: false from the moment that the end begins."""
        return self.lifecycle.drain.ready

    async def start(self) -> None:
        """Initialize and start everything that takes part in this mode."""
        self.refuse_problems()
        await self.lifecycle.start()

    async def stop(self) -> None:
        """Stop everything that was started, in reverse."""
        await self.lifecycle.stop()

    # -- putting it together -------------------------------------------------------------------

    def _load_settings(self, sources: Sources) -> LoadedSettings:
        owners: dict[str, str] = {}
        classes: list[type[Settings]] = []
        given = [("actionhero", section) for section in CORE_SETTINGS]
        for plugin, section in self.plugins.collect("actionhero_settings", Settings, classes=True):
            given.append((plugin.owner, section))
        for owner, section in given:
            name = section.section
            if name in owners:
                self.problems.append(
                    f"two plugins have the settings section {name!r}: {owners[name]} and {owner}; "
                    "rename one, or put the name of one plugin into plugins.disabled"
                )
                continue
            owners[name] = owner
            classes.append(section)
        try:
            return load_settings(classes, sources, instances=self._given_settings)
        except ConfigurationError as error:
            self.problems.append(str(error))
            self.settings_are_wrong = True
        # With defaults the rest can still be looked at, and shown. What has none is left out.
        bare = Sources(root=sources.root, environment=sources.environment)
        whole = [section for section in classes if not _demands(section)]
        return load_settings(whole, bare)

    def _assemble(self) -> None:
        host = self.plugins
        kinds = [kind for _, kind in host.collect("actionhero_component_types", type)]
        for kind in (Action, Initializer, Server, *kinds):
            self._found[kind] = find_subclasses(self._modules, kind)
        self.initializers = self._collect_initializers()
        store = host.first("actionhero_session_store", SessionStore, app=self)
        self._collect_actions()
        around = [item for _, item in host.collect("actionhero_middleware", Middleware, app=self)]
        self._resources.provide(Health, Health(self.initializers))
        self.pipeline = Pipeline(
            self.actions,
            self._resources,
            middleware=around,
            timeout_seconds=self.get(ActionsSettings).timeout.total_seconds(),
            session_store=store,
            show_tracebacks=self.get(ErrorsSettings).tracebacks_shown_in(self.environment),
            keep_tracebacks=self.environment != "production",
        )
        for plugin, fault in host.collect("actionhero_validate", str, app=self):
            self.problems.append(f"{fault} (found by {plugin.owner})")
        # Not even imported in a process that opens no door.
        if self.mode is not RunMode.CLI:
            self.servers = self._collect_servers()
        grace = self.get(ProcessSettings).shutdown_timeout.total_seconds()
        self.lifecycle = Lifecycle(self, self.initializers, self.servers, grace)

    def _collect_initializers(self) -> list[Initializer]:
        given = [
            item
            for _, item in self.plugins.collect("actionhero_initializers", Initializer, app=self)
        ]
        given += self._instances(Initializer)
        try:
            # All of them, so that the order does not depend on what this process is for.
            ordered = in_order(given, self.plugins.place_of)
        except BootError as error:
            self.problems.append(str(error))
            return []
        return [item for item in ordered if self.mode in item.modes]

    def _collect_actions(self) -> None:
        given = [
            (plugin.owner, item)
            for plugin, item in self.plugins.collect(
                "actionhero_actions", Action, classes=True, app=self
            )
        ]
        listed = {item for _, item in given}
        given += [
            (self.plugins.plugins[-1].owner, item)
            for item in self._found[Action]
            if item not in listed
        ]
        for owner, item in given:
            try:
                self.actions.add(RegisteredAction(item, owner))
            except PluginError as error:
                self.problems.append(str(error))

    def _collect_servers(self) -> list[Server]:
        given = [item for _, item in self.plugins.collect("actionhero_servers", Server, app=self)]
        given += self._instances(Server)
        return [item for item in given if self.mode in item.modes]

    def _instances(self, kind: type[Resource]) -> list[Resource]:
        """Make one of each class of `kind` that the application defines."""
        made = []
        for type_ in self._found[kind]:
            try:
                made.append(type_())
                self.plugins.note_giver(made[-1], self.plugins.plugins[-1])
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - the application's code
                self.problems.append(
                    f"{type_.__module__}.{type_.__qualname__} cannot be made without arguments: "
                    f"{type(error).__name__}: {error}; give it none, or return an instance from a "
                    f"hook in your plugin.py"
                )
        return made


def _demands(section: type[Settings]) -> bool:
    """Whether a section has a setting without a default."""
    return any(field.is_required() for field in section.model_fields.values())
