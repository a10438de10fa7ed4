"""`Initializer`: a resource that starts before the servers and stops after them."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from actionhero.application import RunMode
from actionhero.errors import BootError
from actionhero.inputs.near_misses import near_miss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from actionhero.application import Application

Resource = TypeVar("Resource")


class Initializer:
    """A resource of the application, such as a connection pool. Subclass it, and give it a `name`.

    | phase | do | do not |
    |---|---|---|
    | `initialize` | read settings, build objects, `app.provide` them | use the network |
    | `start` | connect, start background tasks, use the initializers in `requires` | serve calls |
    | `stop` | stop your tasks, close your connections | raise for a lost connection |

    Each phase runs for one initializer after the other, in the order of their dependencies; `stop`
    in reverse. If `initialize` or `start` fails, all initializers are stopped, and the process
    exits with 70.
    """

    #: The name that others use in `requires` and `after`.
    name: ClassVar[str]
    #: Required initializers; they start before this one.
    requires: ClassVar[Sequence[str]] = ()
    #: Optional initializers; if they exist, they start before this one.
    after: ClassVar[Sequence[str]] = ()
    #: The name of its health check; `None`: its name.
    check_name: ClassVar[str | None] = None
    #: The kinds of processes that it is started in.
    modes: ClassVar[frozenset[RunMode]] = frozenset(RunMode)

    async def initialize(self, app: Application) -> None:
        """Build and provide the resource. The required initializers have not started yet."""

    async def start(self, app: Application) -> None:
        """Start the resource. The required initializers have started."""

    async def stop(self, app: Application) -> None:
        """Stop the resource. Called if `initialize` was called, even if that failed."""

    async def check(self) -> None:
        """Raise if the resource is not usable now; the message is the reason.

        Called for `/readyz`, `actionhero doctor` and the `status` action. It should take less than
        a second.
        """


def has_check(initializer: Initializer) -> bool:
    """Return whether `initializer` has a health check."""
    return type(initializer).check is not Initializer.check


def _class_name(initializer: Initializer) -> str:
    return f"{type(initializer).__module__}.{type(initializer).__qualname__}"


def sort_initializers(
    initializers: Iterable[Initializer],
    describe: Callable[[Initializer], str] = _class_name,
    *,
    are_all: bool = True,
) -> list[Initializer]:
    """Return `initializers` in an order in which each follows its dependencies.

    Initializers that do not depend on each other keep their order, so the order is the same on
    every machine.

    Args:
        initializers: All initializers of the application.
        describe: Returns the name of an initializer in messages.
        are_all: Whether a required one that is missing is an error: not if a plugin has failed.

    Raises:
        BootError: Two have the same name, a required one does not exist, or they form a cycle.
    """
    initializers = list(initializers)
    by_name: dict[str, Initializer] = {}
    for initializer in initializers:
        name = getattr(initializer, "name", None)
        if not isinstance(name, str) or not name:
            raise BootError(
                f"initializer {describe(initializer)} has no name; set name = '…' on it"
            )
        if name in by_name:
            raise BootError(
                f"two initializers are called {name!r}: {describe(by_name[name])} and "
                f"{describe(initializer)}; rename one, or disable one of the plugins"
            )
        by_name[name] = initializer
        for attribute in ("requires", "after"):
            if isinstance(declared := getattr(initializer, attribute), str):
                raise BootError(
                    f"initializer {name!r} ({describe(initializer)}) has {attribute} = "
                    f"{declared!r}, which is a text; write a tuple or a list of names, as in "
                    f"{attribute} = {(declared,)!r}"
                )
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for initializer in initializers:
        for required in initializer.requires:
            if required not in by_name and are_all:
                remedy = (
                    f"available: {', '.join(sorted(by_name)) or 'none'}. Install the plugin that "
                    "provides it, or remove it from requires"
                )
                if match := near_miss(str(required), sorted(by_name)):
                    remedy = f"did you mean {match!r}?"
                raise BootError(
                    f"initializer {initializer.name!r} ({describe(initializer)}) requires "
                    f"{required!r}, which no plugin provides; {remedy}"
                )
        previous = [name for name in (*initializer.requires, *initializer.after) if name in by_name]
        sorter.add(initializer.name, *previous)
    try:
        sorter.prepare()
    except CycleError as error:
        names = list(reversed(error.args[1]))
        descriptions = ", ".join(
            f"{name!r} is {describe(by_name[name])}" for name in dict.fromkeys(names)
        )
        raise BootError(
            f"initializers form a cycle: {' → '.join(names)}; {descriptions}; "
            "remove one of them from requires or after"
        ) from None
    position = {initializer.name: index for index, initializer in enumerate(initializers)}
    ordered: list[Initializer] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=position.__getitem__)
        first = ready.pop(0)
        ordered.append(by_name[first])
        sorter.done(first)
    return ordered


class Resources:
    """The resources of an application, one per type."""

    def __init__(self) -> None:
        self._values: dict[type, Any] = {}

    def provide(self, type_: type[Resource], value: Resource) -> None:
        """Make `value` available as `type_`. A later value replaces an earlier one."""
        self._values[type_] = value

    def get(self, type_: type[Resource]) -> Resource:
        """Return the value of `type_`.

        Raises:
            BootError: There is none. The message lists the known types.
        """
        try:
            value: Resource = self._values[type_]
        except KeyError:
            if not isinstance(type_, type):
                raise BootError(
                    f"resources are found by their class, not by {type_!r}; write "
                    "call.get(Database), with the class imported"
                ) from None
            known = ", ".join(sorted(known.__name__ for known in self._values)) or "nothing"
            raise BootError(
                f"nothing provides {type_.__name__!r}; available: {known}. Install and enable the "
                "plugin whose initializer provides it, or call app.provide in one of yours"
            ) from None
        return value

    def __contains__(self, type_: type) -> bool:
        return type_ in self._values
