"""`App`: the application, assembled from the contributions of plugins."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

from actionhero.action import Action, ActionRegistry, RegisteredAction, find_subclasses
from actionhero.application import Application, RunMode
from actionhero.audit.log import AuditLog
from actionhero.authentication import Authentication, Authenticator, PermissionSource
from actionhero.connection import SessionStore
from actionhero.declarations.actions import check_actions, check_plain_classes
from actionhero.declarations.components import check_components
from actionhero.errors import BootError, ConfigurationError, PluginError
from actionhero.health import Health
from actionhero.initializer import Initializer, Resources, sort_initializers
from actionhero.lifecycle import Lifecycle, Phase
from actionhero.middleware import Middleware
from actionhero.pipeline import Pipeline
from actionhero.pipeline.exception_reports import ExceptionReporter, ExceptionReports
from actionhero.pipeline.observation import Observer
from actionhero.plugins.discovery import (
    CORE,
    Plugin,
    PluginState,
    find_plugins,
    load_application,
)
from actionhero.plugins.host import PluginHost
from actionhero.requirements import unenforced
from actionhero.server import Server
from actionhero.settings import (
    CORE_SETTINGS,
    ActionsSettings,
    AppSettings,
    ErrorsSettings,
    LoadedSettings,
    ProcessSettings,
    Settings,
    load_settings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actionhero.settings.sources import Environment, Sources

Resource = TypeVar("Resource")

logger = logging.getLogger("actionhero.app")


class App:
    """A loaded application: its settings, actions, initializers and servers.

    `app.get(type_)` returns settings, and the resources of initializers. Errors are collected in
    `problems` instead of raised, so that `actionhero plugins` can show all of them.

    Args:
        sources: The sources of the settings.
        mode: The purpose of this process.
        host: The registered plugins.
        application_modules: The modules of the application package, which are searched for actions.
        settings: Settings from code, which override every source.
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
        #: The sources of the settings; another process loads the same application from them.
        self.sources = sources
        self.plugins = host
        self.environment: Environment = sources.environment
        #: From `time.monotonic`.
        self.loaded_at = time.monotonic()
        #: Whether settings are invalid. These are left out, so their defaults apply.
        self.has_invalid_settings = False
        self.settings = self._load_settings(list(settings))
        self._resources = Resources()
        self._resources.provide(App, self)
        self._resources.provide(Application, self)
        for section in self.settings:
            self._resources.provide(type(section), section)
        # A developer who runs a command wants its output only.
        is_quiet = mode is RunMode.CLI and self.environment == "development"
        self.audit = AuditLog(follows_level=is_quiet)
        self._resources.provide(AuditLog, self.audit)
        types = [type_ for _, type_ in host.collect("actionhero_component_types", type)]
        self._components: dict[type, list[Any]] = {
            type_: find_subclasses(application_modules, type_)
            for type_ in (Action, Initializer, Server, *types)
        }
        #: Findings that do not prevent the start, such as attributes that nothing reads.
        self.warnings: list[str] = check_plain_classes(application_modules)
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
        """Load the installed plugins and the application package."""
        plugins, problems = find_plugins(sources.boot_settings())
        return cls._create(plugins, problems, sources, mode, settings)

    @classmethod
    def from_plugins(
        cls,
        implementations: Iterable[Any],
        sources: Sources,
        mode: RunMode = RunMode.SERVER,
        settings: Iterable[Settings] = (),
    ) -> App:
        """Load the given plugins instead of the installed ones, as tests do."""
        plugins = [
            Plugin(
                name=getattr(item, "__name__", type(item).__name__).removesuffix(".plugin"),
                module_name=getattr(item, "__name__", type(item).__module__),
                reason="passed in code",
                implementation=item,
            )
            for item in implementations
        ]
        return cls._create(plugins, [], sources, mode, settings)

    @classmethod
    def _create(
        cls,
        plugins: list[Plugin],
        problems: list[str],
        sources: Sources,
        mode: RunMode,
        settings: Iterable[Settings],
    ) -> App:
        # Imported here because its action imports modules above this one.
        from actionhero.plugins import core_plugin  # noqa: PLC0415

        core = Plugin(
            CORE, core_plugin.__name__, reason="part of actionhero", implementation=core_plugin
        )
        application, modules, errors = load_application(sources.boot_settings())
        host = PluginHost()
        host.problems += [*problems, *errors]
        host.register([core, *plugins, *([application] if application else [])])
        if application is not None and application.state is not PluginState.ACTIVE:
            # One error is reported already; its actions, too, would be those of another plugin.
            modules = []
        return cls(sources, mode, host, modules, settings)

    def secret_key(self) -> str:
        """Return `app.secret_key`; outside of production a generated one, if it is not set.

        Raises:
            ConfigurationError: It is not set in production, or the generated key cannot be read
                or written.
        """
        return self.get(AppSettings).get_secret_key(self.environment).get_secret_value()

    def get(self, type_: type[Resource]) -> Resource:
        """Return the settings of a section class, or the resource provided as `type_`.

        Raises:
            BootError: There is none. The message lists the known types.
        """
        return self._resources.get(type_)

    def provide(self, type_: type[Resource], value: Resource) -> None:
        """Make `value` available as `type_`, to `app.get` and `call.get`."""
        self._resources.provide(type_, value)

    def has(self, type_: type) -> bool:
        """Return whether `get` has a value for `type_`."""
        return type_ in self._resources

    def components(self, type_: type[Resource]) -> list[type[Resource]]:
        """Return the subclasses of `type_` that the application package defines.

        Args:
            type_: A type from the hook `actionhero_component_types`.
        """
        return list(self._components.get(type_, ()))

    @property
    def problems(self) -> list[str]:
        """The errors of plugins and settings. The application does not start if there are any."""
        return self.plugins.problems

    def raise_for_problems(self) -> None:
        """Raise if there are problems.

        Raises:
            PluginError: The message lists all of them.
        """
        self.plugins.raise_for_problems()

    @property
    def is_stopping(self) -> bool:
        """Whether the shutdown has begun: no new calls are accepted."""
        # Not by `ready`: every call over a socket asks.
        return self.lifecycle.drain.has_begun

    @property
    def grace_seconds(self) -> float:
        """How long open calls may continue after the shutdown began, in seconds."""
        return self.lifecycle.grace_seconds

    @property
    def ready(self) -> bool:
        """Whether all servers have started, and new calls are accepted."""
        return self.lifecycle.phase is Phase.STARTED and not self.lifecycle.drain.has_begun

    async def start(self) -> None:
        """Start all initializers and servers of this mode."""
        self.raise_for_problems()
        if self.mode is not RunMode.CLI:
            for warning in self.warnings:
                logger.warning("%s", warning)
        await self.lifecycle.start()

    async def stop(self) -> None:
        """Stop all servers and initializers, in reverse order."""
        try:
            await self.lifecycle.stop()
        finally:
            await self.audit.close()

    def _load_settings(self, instances: list[Settings]) -> LoadedSettings:
        owners: dict[str, str] = {}
        classes: list[type[Settings]] = []
        sections = [("actionhero", section) for section in CORE_SETTINGS]
        for plugin, section in self.plugins.collect("actionhero_settings", Settings, classes=True):
            sections.append((plugin.owner, section))
        for owner, section in sections:
            name = getattr(section, "section", None)
            if not isinstance(name, str):
                self.problems.append(
                    f"settings {section.__module__}.{section.__qualname__} ({owner}) have no "
                    "section; write section: ClassVar[str] = '…' in the class"
                )
                continue
            if name in owners:
                self.problems.append(
                    f"two plugins have the settings section {name!r}: {owners[name]} and {owner}; "
                    "rename one, or add the name of one plugin to plugins.disabled"
                )
                continue
            owners[name] = owner
            classes.append(section)
        try:
            return load_settings(
                classes,
                self.sources,
                instances=instances,
                are_all=not self.plugins.has_failures,
            )
        except ConfigurationError as error:
            self.problems.append(str(error))
            self.has_invalid_settings = True
        # Without the invalid values, the application can still be listed.
        return load_settings(classes, self.sources, instances=instances, tolerates_errors=True)

    def _assemble(self) -> None:
        host = self.plugins
        self.initializers = self._collect_initializers()
        session_store = host.first("actionhero_session_store", SessionStore, app=self)
        self.audit.user_key = (SessionStore if session_store is None else session_store).user_key
        self._register_actions()
        middleware = host.collect("actionhero_middleware", Middleware, app=self)
        if host.implementers("actionhero_audit_sinks"):
            from actionhero.audit.sink import AuditSink  # noqa: PLC0415 - few applications have one

            sinks = host.collect("actionhero_audit_sinks", AuditSink, app=self)
            self.audit.add_sinks([item for _, item in sinks])
        observers = host.collect("actionhero_observers", Observer, app=self)
        authenticators = host.collect("actionhero_authenticators", Authenticator, app=self)
        response_types = host.collect("actionhero_response_types", type, app=self)
        self._resources.provide(Health, Health(self.initializers))
        self.pipeline = Pipeline(
            self.actions,
            self._resources,
            middleware=[item for _, item in middleware],
            response_types=[item for _, item in response_types],
            timeout_seconds=self.get(ActionsSettings).timeout.total_seconds(),
            validate_outputs=self.get(ActionsSettings).validate_outputs,
            session_store=session_store,
            authentication=Authentication([item for _, item in authenticators]),
            observers=[item for _, item in observers],
            permission_source=host.first("actionhero_permissions", PermissionSource, app=self),
            audit=self.audit,
            show_tracebacks=self.get(ErrorsSettings).shows_tracebacks(self.environment),
            keep_tracebacks=self.environment != "production",
            reports=self._exception_reports(),
        )
        self._check_requirements()
        self.problems.extend(
            check_components(
                self._components, self.initializers, [item for _, item in middleware], host.describe
            )
        )
        reported: set[str] = set()
        for plugin, error in host.collect("actionhero_validate", str, app=self):
            # Several plugins read the routes of actions.
            if error not in reported:
                reported.add(error)
                self.problems.append(f"{error} (reported by {plugin.owner})")
        # Not collected for the command line, so that servers are not imported.
        if self.mode is not RunMode.CLI:
            servers = [item for _, item in host.collect("actionhero_servers", Server, app=self)]
            servers += self._instantiate(Server)
            self.servers = [server for server in servers if self.mode in server.modes]
        grace = self.get(ProcessSettings).shutdown_timeout.total_seconds()
        self.lifecycle = Lifecycle(self, self.initializers, self.servers, grace)

    def _exception_reports(self) -> ExceptionReports | None:
        if not self.plugins.implementers("actionhero_exception_reporters"):
            return None
        collected = self.plugins.collect(
            "actionhero_exception_reporters", ExceptionReporter, app=self
        )
        return ExceptionReports([item for _, item in collected], self.settings.secrets)

    def _collect_initializers(self) -> list[Initializer]:
        collected = self.plugins.collect("actionhero_initializers", Initializer, app=self)
        initializers = [item for _, item in collected] + self._instantiate(Initializer)
        try:
            # All of them, so that their order is the same in every mode.
            ordered = sort_initializers(
                initializers, self.plugins.describe, are_all=not self.plugins.has_failures
            )
        except BootError as error:
            self.problems.append(str(error))
            return []
        return [item for item in ordered if self.mode in item.modes]

    def _register_actions(self) -> None:
        collected = self.plugins.collect("actionhero_actions", Action, classes=True, app=self)
        actions = [(plugin.owner, action) for plugin, action in collected]
        # An action of the application that a hook returns, too, is registered once.
        returned = {action for _, action in actions}
        application = self.plugins.plugins[-1].owner
        actions += [
            (application, action) for action in self._components[Action] if action not in returned
        ]
        names = {name for _, name in self.plugins.collect("actionhero_action_attributes", str)}
        errors, warnings = check_actions(actions, names)
        self.warnings += warnings
        self.problems.extend(errors)
        for owner, action in actions:
            try:
                self.actions.add(RegisteredAction(action, owner))
            except PluginError as error:
                self.problems.append(str(error))

    def _check_requirements(self) -> None:
        """Record a problem for each requirement of an action that nothing enforces."""
        if self.plugins.has_failures:
            return
        types = [t for _, t in self.plugins.collect("actionhero_requirement_types", type, app=self)]
        for action in self.actions:
            for item in action.requires:
                if not isinstance(item, (Middleware, *types)):
                    self.problems.append(
                        f"action {action.name!r} ({action.source}, {action.owner}) requires "
                        f"{item!r}, {unenforced(item, (Middleware, *types))}"
                    )

    def _instantiate(self, type_: type[Resource]) -> list[Resource]:
        """Return an instance of each subclass of `type_` that the application package defines."""
        application = self.plugins.plugins[-1]
        instances: list[Resource] = []
        for component in self._components[type_]:
            try:
                instance = component()
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - code of the application
                self.problems.append(
                    f"{component.__module__}.{component.__qualname__} cannot be created without "
                    f"arguments: {type(error).__name__}: {error}; remove its arguments, or return "
                    "an instance from a hook in your plugin.py"
                )
                continue
            self.plugins.record_origin(instance, application)
            instances.append(instance)
        return instances
