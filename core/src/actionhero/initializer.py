"""Something that is set up before the doors open and taken down after they close."""

from __future__ import annotations

from abc import ABC, abstractmethod
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from actionhero.application import RunMode
from actionhero.errors import BootError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from actionhero.application import Application

Resource = TypeVar("Resource")


class Initializer:
    """One resource of the application: subclass it, give it a `name`.

    | phase | do | do not |
    |---|---|---|
    | `initialize` | read settings, build objects, `app.provide` them | talk to the network |
    | `start` | connect, start background tasks, use what `requires` names | serve calls |
    | `stop` | end every task, close every connection that you opened | raise for what is gone |

    Each phase runs for one initializer after the other, in order of dependence; `stop` in
    reverse. What fails in `initialize` or `start` stops what was started and ends the process
    with exit code 70.
    """

    #: By which others name it.
    name: ClassVar[str]
    #: Initializers that must be there; they go first.
    requires: ClassVar[Sequence[str]] = ()
    #: Initializers that go first if they are there.
    after: ClassVar[Sequence[str]] = ()
    #: What its check is called where health is told; its name where left out.
    check_name: ClassVar[str | None] = None
    #: In which kinds of process it takes part.
    modes: ClassVar[frozenset[RunMode]] = frozenset(RunMode)

    async def initialize(self, app: Application) -> None:
        """Build what this initializer provides. Nothing that it requires has started yet."""

    async def start(self, app: Application) -> None:
        """Connect and begin. All that it requires has started."""

    async def stop(self, app: Application) -> None:
        """End what was begun. Called only if `initialize` was entered, however that ended."""

    async def check(self) -> None:
        """Raise if what this initializer provides is not usable now; the message says why.

        Read by `/readyz`, `actionhero doctor` and the `status` action: keep it under a second.
        """


def writes_check(initializer: Initializer) -> bool:
    """Whether `initializer` has a health check of its own."""
    return type(initializer).check is not Initializer.check


def class_of(initializer: Initializer) -> str:
    """Return the class of `initializer`, as messages name it."""
    return f"{type(initializer).__module__}.{type(initializer).__qualname__}"


def in_order(
    initializers: Iterable[Initializer], place_of: Callable[[Initializer], str] = class_of
) -> list[Initializer]:
    """Return `initializers` with each after all that it requires.

    Where that leaves a choice, they stay in the order in which they were given, so the order is
    the same on every machine.

    Args:
        initializers: All that there are.
        place_of: Returns where one comes from, as messages tell it.

    Raises:
        BootError: Two have one name, one requires what is not there, or they form a cycle.
    """
    given = list(initializers)
    by_name: dict[str, Initializer] = {}
    for initializer in given:
        name = getattr(initializer, "name", None)
        if not isinstance(name, str) or not name:
            place = place_of(initializer)
            raise BootError(f"initializer {place} has no name; set name = '…' on it")
        if name in by_name:
            raise BootError(
                f"two initializers are called {name!r}: {place_of(by_name[name])} and "
                f"{place_of(initializer)}; rename one, or disable one of the plugins"
            )
        by_name[name] = initializer
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for initializer in given:
        for wanted in initializer.requires:
            if wanted not in by_name:
                known = ", ".join(sorted(by_name)) or "none"
                raise BootError(
                    f"initializer {initializer.name!r} ({place_of(initializer)}) requires "
                    f"{wanted!r}, which no plugin provides; there are: {known}. Install the "
                    "plugin that provides it, or remove it from requires"
                )
        before = [name for name in (*initializer.requires, *initializer.after) if name in by_name]
        sorter.add(initializer.name, *before)
    try:
        sorter.prepare()
    except CycleError as error:
        names = list(reversed(error.args[1]))
        distinct = dict.fromkeys(names)
        places = ", ".join(f"{name!r} is {place_of(by_name[name])}" for name in distinct)
        raise BootError(
            f"initializers wait for each other in a circle: {' → '.join(names)}; {places}; "
            "remove one of them from requires or after"
        ) from None
    position = {initializer.name: index for index, initializer in enumerate(given)}
    ordered: list[Initializer] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=position.__getitem__)
        first = ready.pop(0)
        ordered.append(by_name[first])
        sorter.done(first)
    return ordered


class Resources:
    """Values by their type: one of each."""

    def __init__(self) -> None:
        self._values: dict[type, Any] = {}

    def provide(self, type_: type[Resource], value: Resource) -> None:
        """Make `value` reachable as `type_`; a later one takes the place of an earlier."""
        self._values[type_] = value

    def get(self, type_: type[Resource]) -> Resource:
        """Return what was provided as `type_`.

        Raises:
            BootError: Nothing was. The message lists what there is.
        """
        try:
            value: Resource = self._values[type_]
        except KeyError:
            known = ", ".join(sorted(known.__name__ for known in self._values)) or "nothing"
            raise BootError(
                f"nothing provides {type_.__name__!r}; there are: {known}. Install and enable the "
                "plugin whose initializer provides it, or call app.provide in one of yours"
            ) from None
        return value

    def __contains__(self, type_: type) -> bool:
        return type_ in self._values


class Transactions(ABC):
    """What a database offers to whoever tells others of what was written.

    A database's initializer provides it: `app.provide(Transactions, database)`. Without one there
    is nothing to wait for, so ask `app.has(Transactions)` first.
    """

    @abstractmethod
    async def after_commit(self, callback: Callable[..., Any], *args: Any) -> None:
        """Run `callback` once all that this task has written is kept; at once, outside of any.

        It does not run if that is rolled back. If it fails, that is logged, and what was written
        stays.

        Args:
            callback: A function, asynchronous or not.
            args: What it is called with.
        """

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether this task is in a transaction, so that `after_commit` has to wait."""
