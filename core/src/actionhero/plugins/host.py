"""Registering plugins, asking them what they contribute, and naming the one that is to blame."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import pluggy

from actionhero.errors import BootError, PluginError
from actionhero.plugins import hookspecs
from actionhero.plugins.discovery import Plugin, PluginState, hook_functions, place_of
from actionhero.plugins.hookspecs import IMPLEMENTATION_ATTRIBUTE

Kind = TypeVar("Kind")

#: With this variable set, every hook call is printed with what came of it.
TRACE_VARIABLE = "ACTIONHERO_TRACE_HOOKS"


class PluginHost:
    """The plugins of one application.

    Problems are gathered, not raised, so that a listing can show all of them; whoever starts
    something calls `refuse_problems`.
    """

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.problems: list[str] = []
        # By the identity of what plugins gave. Each is kept, so that no other gets its identity.
        self._givers: dict[int, tuple[Any, Plugin]] = {}
        self._manager = pluggy.PluginManager("actionhero")
        self._manager.add_hookspecs(hookspecs)
        self._trace = bool(os.environ.get(TRACE_VARIABLE))

    def register(self, plugins: Iterable[Plugin]) -> None:
        """Take in `plugins`, in this order; those that do not fit are marked as failed."""
        fresh = list(plugins)
        self.plugins += fresh
        usable = [plugin for plugin in fresh if plugin.state is PluginState.ACTIVE]
        # Hooks of hooks first: only then is it known how every other is spelt.
        for plugin in usable:
            specify = getattr(plugin.implementation, "actionhero_hookspecs", None)
            if specify is None or self._fault("actionhero_hookspecs", specify):
                continue
            if plugin.state is PluginState.ACTIVE:
                try:
                    for specification in specify() or ():
                        self._manager.add_hookspecs(specification)
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # noqa: BLE001 - somebody else's code
                    self.problems.append(plugin.fail(hook_failure("actionhero_hookspecs", error)))
        for plugin in usable:
            if plugin.state is PluginState.ACTIVE:
                self._register(plugin)

    def _register(self, plugin: Plugin) -> None:
        faults = [
            fault
            for name, function in hook_functions(plugin.implementation)
            if (fault := self._fault(name, function))
        ]
        if faults:
            for fault in faults:
                self.problems.append(plugin.fail(fault))
            return
        if self._manager.is_registered(plugin.implementation):
            self.problems.append(
                plugin.fail(
                    f"has its hooks in {plugin.module_name!r}, and so has another plugin; remove "
                    "one of the two entry points, or put its name into plugins.disabled"
                )
            )
            return
        self._manager.register(plugin.implementation, name=f"{plugin.name}@{id(plugin)}")

    def _fault(self, name: str, function: Any) -> str | None:
        options = getattr(function, IMPLEMENTATION_ATTRIBUTE, None)
        place = _place(function)
        if options is None:
            return (
                f"defines {name!r} ({place}) without @hookimpl, so it would never be called; "
                "add the decorator, or give the function another name"
            )
        name = options["specname"] or name
        caller = getattr(self._manager.hook, name, None)
        if caller is None or not caller.has_spec():
            if options["optionalhook"]:
                return None
            known = ", ".join(sorted(self.hooks))
            return (
                f"implements {name!r} ({place}), which is no hook; there are: {known}. "
                "Mend the name, or install the plugin that specifies it"
            )
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return (
                f"implements {name!r} ({place}) as 'async def'; hooks are called before there is "
                "an event loop. Write 'def', and put what is asynchronous into a method of the "
                "object that it returns"
            )
        if options["wrapper"] or options["hookwrapper"]:
            return (
                f"implements {name!r} ({place}) as a wrapper; hooks return objects, and there is "
                "nothing to wrap. Leave wrapper out"
            )
        wanted = set(inspect.signature(function).parameters)
        offered = set(caller.spec.argnames)
        if unknown := sorted(wanted - offered):
            return (
                f"implements {name!r} ({place}) with the argument "
                f"{', '.join(map(repr, unknown))}, which that hook does not have; it offers: "
                f"{', '.join(sorted(offered)) or 'no arguments'}. Leave it out"
            )
        return None

    @property
    def hooks(self) -> dict[str, Any]:
        """Every hook that is specified, with its specification, by name."""
        return {
            name: caller.spec
            for name, caller in vars(self._manager.hook).items()
            if not name.startswith("_") and caller.has_spec()
        }

    def implementers(self, hook: str) -> list[Plugin]:
        """Return the plugins that implement `hook`, in the order in which they are asked."""
        return [plugin for plugin, _ in self.functions(hook)]

    def collect(
        self, hook: str, kind: type[Any] | None = None, *, classes: bool = False, **arguments: Any
    ) -> list[tuple[Plugin, Any]]:
        """Ask every plugin, and return each thing it gave together with the plugin.

        Args:
            hook: The name of the hook.
            kind: What each thing must be an instance of; anything where left out.
            classes: Whether subclasses of `kind` are wanted, rather than instances.
            arguments: What the hook offers, by name.
        """
        collected: list[tuple[Plugin, Any]] = []
        for plugin, function in self.functions(hook):
            given = self.ask(plugin, hook, function, arguments)
            if given is None:
                continue
            if isinstance(given, str) or not isinstance(given, Sequence):
                self.problems.append(
                    f"{plugin.owner} returned {given!r} from {hook!r} ({_place(function)}); "
                    "return a list, or None for nothing"
                )
                continue
            for item in given:
                fits = kind is None or (
                    isinstance(item, type) and issubclass(item, kind)
                    if classes
                    else isinstance(item, kind)
                )
                if fits:
                    self.note_giver(item, plugin)
                    collected.append((plugin, item))
                    continue
                wanted = f"{'a subclass' if classes else 'an instance'} of {kind.__name__}"  # type: ignore[union-attr]
                self.problems.append(
                    f"{plugin.owner} returned {item!r} from {hook!r} ({_place(function)}), "
                    f"which is not {wanted}"
                )
        return collected

    def note_giver(self, item: object, plugin: Plugin) -> None:
        """Remember which plugin gave `item`."""
        self._givers[id(item)] = (item, plugin)

    def place_of(self, item: object) -> str:
        """Return how messages name `item`: its class, and the plugin that gave it."""
        name = f"{type(item).__module__}.{type(item).__qualname__}"
        giver = self._givers.get(id(item))
        return name if giver is None else f"{name}, {giver[1].owner}"

    def first(self, hook: str, kind: type[Kind], **arguments: Any) -> Kind | None:
        """Ask plugins, the last one first, until one gives an answer, and return it."""
        for plugin, function in reversed(self.functions(hook)):
            given = self.ask(plugin, hook, function, arguments)
            if isinstance(given, kind):
                return given
            if given is not None:
                self.problems.append(
                    f"{plugin.owner} returned {given!r} from {hook!r} ({_place(function)}), "
                    f"which is not an instance of {kind.__name__}"
                )
        return None

    def call(self, hook: str, **arguments: Any) -> None:
        """Call `hook` of every plugin for its side effects."""
        for plugin, function in self.functions(hook):
            self.ask(plugin, hook, function, arguments)

    def refuse_problems(self) -> None:
        """Raise if anything is wrong with any plugin.

        Raises:
            PluginError: The message lists all of it.
        """
        if self.problems:
            raise PluginError("\n".join(self.problems))

    def functions(self, hook: str) -> list[tuple[Plugin, Any]]:
        """Return the functions that implement `hook`, each with its plugin, in order."""
        caller = getattr(self._manager.hook, hook)
        by_id = {f"{plugin.name}@{id(plugin)}": plugin for plugin in self.plugins}
        # pluggy keeps them in the order of registration and calls the last one first. Who asked
        # to go first or last does so; all others go in the order of registration.
        return [
            (by_id[implementation.plugin_name], implementation.function)
            for implementation in sorted(
                caller.get_hookimpls(), key=lambda item: item.trylast - item.tryfirst
            )
        ]

    def ask(self, plugin: Plugin, hook: str, function: Any, arguments: dict[str, Any]) -> Any:
        """Call one implementation with those of `arguments` that it wants; note what fails."""
        wanted = inspect.signature(function).parameters
        given: Any = None
        try:
            given = function(**{name: arguments[name] for name in wanted})
        except BootError as error:
            self.problems.append(str(error))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - one that exits must not end a listing
            self.problems.append(plugin.fail(hook_failure(hook, error)))
        if self._trace:
            print(f"hook {hook} of {plugin.owner} → {given!r}", file=sys.stderr)  # noqa: T201
        return given


def hook_failure(hook: str, error: BaseException) -> str:
    """Return what is wrong with a plugin whose implementation of `hook` raised `error`."""
    return (
        f"failed in {hook!r}: {type(error).__name__}: {error}{place_of(error)}; "
        "mend or upgrade it, or put its name into plugins.disabled"
    )


def _place(function: Any) -> str:
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
