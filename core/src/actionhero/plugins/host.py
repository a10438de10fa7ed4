"""`PluginHost`: registers plugins, validates their hook implementations and calls them."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from actionhero.errors import BootError, PluginError, name_hint
from actionhero.plugins import hookspecs, pipeline_hookspecs
from actionhero.plugins.discovery import (
    APPLICATION,
    Plugin,
    PluginState,
    error_summary,
    find_plugins,
    load_application,
)
from actionhero.plugins.hookspecs import IMPLEMENTATION_ATTRIBUTE
from actionhero.plugins.missing_returns import MISSING_RETURN, lacks_return

if TYPE_CHECKING:
    from actionhero.settings.sources import Sources

Value = TypeVar("Value")

#: If this variable is set, every hook call and its result are printed.
TRACE_VARIABLE = "ACTIONHERO_TRACE_HOOKS"


class PluginHost:
    """The plugins of one application.

    Errors are collected in `problems` instead of raised, so that listings can show all of them.
    """

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.problems: list[str] = []
        # The plugin of each contribution, by identity. The contribution is stored too, so that its
        # identity is not reused.
        self._origins: dict[int, tuple[Any, Plugin]] = {}
        self._manager = _PluginManager("actionhero")
        self._manager.add_hookspecs(hookspecs)
        self._manager.add_hookspecs(pipeline_hookspecs)
        self._trace = bool(os.environ.get(TRACE_VARIABLE))
        # Whether a plugin failed before its hooks were known.
        self._lacks_specifications = False

    def register(self, plugins: Iterable[Plugin]) -> None:
        """Register `plugins`, in this order. Invalid ones are marked as failed."""
        plugins = list(plugins)
        self.plugins += plugins
        active = [plugin for plugin in plugins if plugin.state is PluginState.ACTIVE]
        # All hook specifications must be known before the implementations are validated.
        for plugin in active:
            specify = getattr(plugin.implementation, "actionhero_hookspecs", None)
            if specify is not None and not self._hook_error("actionhero_hookspecs", specify):
                self._add_specifications(plugin, specify)
        self._lacks_specifications = self.has_failures
        for plugin in active:
            if plugin.state is PluginState.ACTIVE:
                self._register(plugin)

    def _add_specifications(self, plugin: Plugin, specify: Any) -> None:
        try:
            for specification in specify() or ():
                self._manager.add_hookspecs(specification)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - third-party code
            self._record_failure(plugin, "actionhero_hookspecs", error)

    def _register(self, plugin: Plugin) -> None:
        reasons = [
            reason
            for name, function in _hook_functions(plugin.implementation)
            if (reason := self._hook_error(name, function))
        ]
        if not reasons and self._manager.is_registered(plugin.implementation):
            reasons.append(
                f"has the same module {plugin.module_name!r} as another plugin; remove one of the "
                "two entry points, or add its name to plugins.disabled"
            )
        self.problems += [plugin.fail(reason) for reason in reasons]
        if not reasons:
            self._manager.register(plugin.implementation, name=f"{plugin.name}@{id(plugin)}")

    def _hook_error(self, name: str, function: Any) -> str | None:
        """Return the reason if a hook implementation is invalid."""
        options = getattr(function, IMPLEMENTATION_ATTRIBUTE, None)
        location = _location(function)
        if options is None:
            return (
                f"defines {name!r} ({location}) without @hookimpl, so it would not be called; "
                "add the decorator, or rename the function"
            )
        name = options["specname"] or name
        caller = getattr(self._manager.hook, name, None)
        if caller is None or not caller.has_spec():
            if options["optionalhook"] or self._lacks_specifications:
                return None
            return (
                f"implements the unknown hook {name!r} ({location}); fix the name, or install and "
                f"enable the plugin that specifies it; {name_hint(name, sorted(self.hooks))}"
            )
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return (
                f"implements {name!r} ({location}) as 'async def', but hooks are called before the "
                "event loop exists; use 'def', and move asynchronous code to a method of the "
                "returned object"
            )
        if options["wrapper"] or options["hookwrapper"]:
            return (
                f"implements {name!r} ({location}) as a wrapper, which is not supported; remove "
                "the option"
            )
        supported = set(caller.spec.argnames)
        if unknown := sorted(set(_parameters(function)) - supported):
            return (
                f"implements {name!r} ({location}) with the unknown argument "
                f"{', '.join(map(repr, unknown))}; remove it; "
                f"{name_hint(unknown[0], sorted(supported))}"
            )
        return None

    @property
    def has_failures(self) -> bool:
        """Whether a plugin has failed, which is one error.

        Others that miss its hooks, settings or initializers are not at fault, and not reported.
        """
        return any(plugin.state is PluginState.FAILED for plugin in self.plugins)

    @property
    def hooks(self) -> dict[str, Any]:
        """All specified hooks, with their specifications, by name."""
        return {
            name: caller.spec
            for name, caller in vars(self._manager.hook).items()
            if not name.startswith("_") and caller.has_spec()
        }

    def implementers(self, hook: str) -> list[Plugin]:
        """Return the plugins that implement `hook`, in the order in which they are called."""
        return [plugin for plugin, _ in self.functions(hook)]

    def functions(self, hook: str) -> list[tuple[Plugin, Any]]:
        """Return the implementations of `hook` with their plugins, in the order of calls."""
        caller = getattr(self._manager.hook, hook)
        by_id = {f"{plugin.name}@{id(plugin)}": plugin for plugin in self.plugins}
        # pluggy calls the last registered one first. Here they are called in the order of
        # registration, except for `tryfirst` and `trylast`.
        return [
            (by_id[implementation.plugin_name], implementation.function)
            for implementation in sorted(
                caller.get_hookimpls(), key=lambda item: item.trylast - item.tryfirst
            )
        ]

    def collect(
        self, hook: str, type_: type[Any] | None = None, *, classes: bool = False, **arguments: Any
    ) -> list[tuple[Plugin, Any]]:
        """Call `hook` of every plugin, and return each contribution with its plugin.

        Args:
            hook: The name of the hook.
            type_: The type that each contribution must be an instance of; `None`: any.
            classes: Whether subclasses of `type_` are expected instead of instances.
            arguments: The arguments of the hook; each implementation gets those it declares.
        """
        collected: list[tuple[Plugin, Any]] = []
        for plugin, function in self.functions(hook):
            result = self.call_one(plugin, hook, function, arguments)
            if result is None:
                continue
            if isinstance(result, str) or not isinstance(result, Sequence):
                expected = f"; return a list of {_plural(type_, classes=classes)}, or None"
                self._record_result(plugin, hook, function, result, expected)
                continue
            for item in result:
                if type_ is None or (
                    isinstance(item, type) and issubclass(item, type_)
                    if classes
                    else isinstance(item, type_)
                ):
                    self.record_origin(item, plugin)
                    collected.append((plugin, item))
                else:
                    expected = _not_expected(item, type_, classes=classes)
                    self._record_result(plugin, hook, function, item, expected)
        return collected

    def first(self, hook: str, type_: type[Value], **arguments: Any) -> Value | None:
        """Call `hook` of the plugins, the last one first, and return the first result."""
        for plugin, function in reversed(self.functions(hook)):
            result = self.call_one(plugin, hook, function, arguments)
            if isinstance(result, type_):
                return result
            if result is not None:
                expected = _not_expected(result, type_)
                self._record_result(plugin, hook, function, result, expected)
        return None

    def call(self, hook: str, **arguments: Any) -> None:
        """Call `hook` of every plugin for its side effects."""
        for plugin, function in self.functions(hook):
            self.call_for_effect(plugin, hook, function, arguments)

    def call_for_effect(
        self, plugin: Plugin, hook: str, function: Any, arguments: dict[str, Any]
    ) -> None:
        """Call one implementation of a hook without a result; a result is an error."""
        result = self.call_one(plugin, hook, function, arguments)
        if result is not None:
            names = " and ".join(map(repr, self._manager.hook.__dict__[hook].spec.argnames))
            expected = (
                ", but the result of this hook is not used; add to its argument "
                f"{names} instead, and return nothing"
            )
            self._record_result(plugin, hook, function, result, expected)

    def call_one(self, plugin: Plugin, hook: str, function: Any, arguments: dict[str, Any]) -> Any:
        """Call one implementation with the arguments that it declares, and record its failure."""
        result: Any = None
        try:
            result = function(
                **{name: arguments[name] for name in inspect.signature(function).parameters}
            )
        except BootError as error:
            self.problems.append(str(error))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a hook may call sys.exit
            self._record_failure(plugin, hook, error)
        else:
            if result is None and self._has_result(hook) and lacks_return(function):
                self._record_result(plugin, hook, function, result, MISSING_RETURN)
        if self._trace:
            print(f"hook {hook} of {plugin.owner} → {result!r}", file=sys.stderr)  # noqa: T201
        return result

    def _has_result(self, hook: str) -> bool:
        """Return whether the specification of a hook declares a result."""
        specification = self._manager.hook.__dict__[hook].spec.function
        return specification.__annotations__.get("return") not in (None, "None")

    def record_origin(self, item: object, plugin: Plugin) -> None:
        """Record the plugin that contributed `item`, for `describe`."""
        self._origins[id(item)] = (item, plugin)

    def describe(self, item: object) -> str:
        """Return the name of `item` in messages: its class, and the plugin that contributed it."""
        name = f"{type(item).__module__}.{type(item).__qualname__}"
        origin = self._origins.get(id(item))
        return name if origin is None else f"{name}, {origin[1].owner}"

    def raise_for_problems(self) -> None:
        """Raise if there are problems.

        Raises:
            PluginError: The message lists all of them.
        """
        if self.problems:
            raise PluginError("\n".join(self.problems))

    def _record_failure(self, plugin: Plugin, hook: str, error: BaseException) -> None:
        remedy = "fix or upgrade it, or add its name to plugins.disabled"
        if plugin.name == APPLICATION:
            remedy = "fix the hook"
        self.problems.append(plugin.fail(f"failed in {hook!r}: {error_summary(error)}; {remedy}"))

    def _record_result(
        self, plugin: Plugin, hook: str, function: Any, value: object, expected: str
    ) -> None:
        self.problems.append(
            f"{plugin.owner} returned {value!r} from {hook!r} ({_location(function)}){expected}"
        )


def _plural(type_: type | None, *, classes: bool) -> str:
    if type_ is None:
        return "contributions"
    if type_ is str:
        return "texts"
    return f"subclasses of {type_.__name__}" if classes else f"{type_.__name__} objects"


def _not_expected(item: object, type_: type, *, classes: bool = False) -> str:
    """Return why an item of a hook's result is not expected, and the remedy."""
    if classes:
        remedy = "; return the class, without parentheses" if isinstance(item, type_) else ""
        return f", which is not a subclass of {type_.__name__}{remedy}"
    remedy = ""
    if isinstance(item, type) and issubclass(item, type_):
        remedy = f"; create it, as in {item.__name__}(…)"
    elif isinstance(item, list | tuple) and any(isinstance(each, type_) for each in item):
        remedy = "; return the object itself, without a list"
    return f", which is not an instance of {type_.__name__}{remedy}"


def load_plugins(sources: Sources) -> PluginHost:
    """Load the active plugins, and of the application package only the module of its hooks.

    The errors are in `problems` of the host.

    Raises:
        ConfigurationError: A settings file is invalid.
    """
    boot = sources.boot_settings()
    plugins, problems = find_plugins(boot)
    application, _, errors = load_application(boot, all_modules=False)
    host = PluginHost()
    host.problems += [*problems, *errors]
    host.register([*plugins, *([application] if application else [])])
    return host


class _PluginManager(pluggy.PluginManager):
    """A manager that examines only the attributes that may be hook implementations."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        # pluggy examines each attribute of a module in detail, most of which are imported names.
        if inspect.ismodule(plugin) and not hasattr(
            vars(plugin).get(name), IMPLEMENTATION_ATTRIBUTE
        ):
            return None
        return super().parse_hookimpl_opts(plugin, name)


def _hook_functions(implementation: Any) -> Iterable[tuple[str, Any]]:
    """Yield the functions of a plugin that are marked as hooks, or named like one."""
    static = inspect.ismodule(implementation) and vars(implementation)
    for name in dir(implementation):
        function = (
            static.get(name) if static else inspect.getattr_static(implementation, name, None)
        )
        if not callable(function) and not isinstance(function, staticmethod | classmethod):
            continue
        function = getattr(implementation, name, None)
        has_hook_name = name.startswith("actionhero_") and inspect.isroutine(function)
        if hasattr(function, IMPLEMENTATION_ATTRIBUTE) or has_hook_name:
            yield name, function


def _parameters(function: Any) -> Iterable[str]:
    """Return the names of the parameters of a function or method."""
    if type(function) is not FunctionType or hasattr(function, "__wrapped__"):
        return inspect.signature(function).parameters
    # Far faster than the signature.
    code = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[:count]


def _location(function: Any) -> str:
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
