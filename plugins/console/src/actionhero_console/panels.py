"""`Panel`, its parts `Read` and `Change`, and the `PanelContext` of their functions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from actionhero_console.operators import Role
from actionhero_console.provider import PanelProvider
from actionhero_console.verbs import InvalidVerb, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from actionhero import Application, Connection
    from actionhero_console.operators import Operator

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Read:
    """A query of a panel.

    Args:
        run: The function, which returns a JSON value. See `Panel`.
        role: The least role for it.
    """

    run: Callable[..., Any]
    role: str = Role.VIEWER


@dataclass(frozen=True, slots=True)
class Change:
    """A change that a panel offers. It is recorded in the audit log before and after.

    Args:
        run: The function, which returns a JSON value. See `Panel`.
        role: The least role for it.
        confirm: The question to confirm first, such as `"Retry {n} jobs?"`; the panel's script
            passes the values. Empty: none.
        target: The changed object, for the audit log, such as `"job {id}"`, from the inputs.
        facts: Returns the facts about the inputs for the audit log, from the validated inputs.
            By default these are the inputs, with secrets redacted.
    """

    run: Callable[..., Any]
    role: str = Role.OPERATOR
    confirm: str = ""
    target: str = ""
    facts: Callable[[Any], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of the console, from the hook `actionhero_console_panels`.

    The functions in `reads`, `changes` and `answers` may be `async`. Their parameters are inputs,
    which are validated: each with an annotation, or all of them as `inputs`, a subclass of
    `Inputs`. The parameter `context` gets a `PanelContext`.

    Args:
        name: The name in the address, such as `jobs` in `#/jobs`.
        title: The title in the navigation.
        order: The position in the navigation: a lower number is further up. Those of the console
            are 0 (Overview), 10 (Actions), 80 (Log), 90 (Settings) and 95 (Audit).
        reads: Queries by name.
        changes: Changes by name.
        answers: Functions that every process answers, by name; see `PanelContext.ask`.
        assets: The folder of `panel.js`, and of other files that it imports.
        role: The least role for the panel.
    """

    name: str
    title: str
    order: int = 50
    reads: Mapping[str, Callable[..., Any] | Read] = field(default_factory=dict)
    changes: Mapping[str, Change] = field(default_factory=dict)
    answers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    assets: Path | None = None
    role: str = Role.VIEWER


@dataclass(frozen=True, slots=True)
class ProcessAnswer:
    """The answer of one process."""

    #: The process: host, pid and mode.
    process: str
    #: The result of the function; `None` with an error.
    value: Any
    #: The message of the error of the function; empty without one.
    error: str = ""


@dataclass(frozen=True, slots=True)
class ProcessAnswers:
    """The answers of all processes that have answered in time."""

    answers: tuple[ProcessAnswer, ...]
    #: The processes that answered recently, but not this time.
    missing: tuple[str, ...] = ()
    #: When the answers were collected, in milliseconds since the epoch.
    asked_ms: int = 0
    #: Whether other processes cannot be asked: Redis is in the memory of this one.
    only_this_process: bool = False

    @property
    def values(self) -> list[Any]:
        """The results without those that failed."""
        return [answer.value for answer in self.answers if not answer.error]


class Processes(Protocol):
    """The processes with a console, as far as panels need them."""

    async def ask(self, question: str, inputs: Mapping[str, Any]) -> ProcessAnswers:
        """Call a function of `Panel.answers` in every process."""


@dataclass(frozen=True, slots=True)
class PanelContext:
    """The context of one call of a panel's function."""

    app: Application
    operator: Operator
    #: The client.
    connection: Connection
    panel: str
    processes: Processes = field(repr=False)
    #: Further facts of the outcome of a change, for the audit log. With `error`, it is a failure
    #: although the function returns.
    facts: dict[str, Any] = field(default_factory=dict)

    async def ask(self, name: str, **inputs: Any) -> ProcessAnswers:
        """Call the function `name` of `Panel.answers` in every process.

        The answers of the last second are used again. Those of processes that take longer than
        0.3 seconds are missing.
        """
        return await self.processes.ask(f"{self.panel}.{name}", inputs)


class LoadedRead:
    """A query whose function has been checked."""

    def __init__(self, read: Read) -> None:
        self.role = Role(read.role)
        self.verb = Verb(read.run)


class LoadedChange:
    """A change whose function has been checked."""

    def __init__(self, change: Change) -> None:
        self.role = Role(change.role)
        self.confirm = change.confirm
        self.target = change.target
        self.facts = change.facts
        self.verb = Verb(change.run)


class LoadedPanel:
    """A panel whose parts have been checked.

    Args:
        panel: The panel.
        owner: The plugin that contributes it, for messages.

    Raises:
        ValueError: A part is invalid; the message names panel, owner and remedy.
    """

    def __init__(self, panel: Panel, owner: str) -> None:
        self.panel = panel
        self.owner = owner
        if not _NAME.fullmatch(panel.name):
            raise ValueError(
                f"panel {panel.name!r} of {owner} has an invalid name; use lower case letters, "
                "digits, '-' and '_'"
            )
        if panel.assets is not None and not (panel.assets / "panel.js").is_file():
            raise ValueError(
                f"panel {panel.name!r} of {owner} has no file 'panel.js' in {str(panel.assets)!r}; "
                "add it, or set assets to the folder that contains it"
            )
        self.role = self._load("role", "", partial(Role, panel.role))
        self.reads: dict[str, LoadedRead] = {
            name: self._load("read", name, partial(LoadedRead, _as_read(read)))
            for name, read in panel.reads.items()
        }
        self.changes: dict[str, LoadedChange] = {
            name: self._load("change", name, partial(LoadedChange, change))
            for name, change in panel.changes.items()
        }
        self.answers: dict[str, Verb] = {
            name: self._load("answer", name, partial(Verb, answer, has_context=False))
            for name, answer in panel.answers.items()
        }

    def _load(self, kind: str, name: str, load: Callable[[], Any]) -> Any:
        try:
            return load()
        except InvalidVerb as error:
            reason = f"the function of {kind} {name!r} {error}"
        except ValueError as error:
            roles = ", ".join(Role)
            reason = f"{kind} {name!r}: {error}; the roles are {roles}"
        raise ValueError(f"panel {self.panel.name!r} of {self.owner}: {reason}")


def load_panels(app: Application) -> tuple[dict[str, LoadedPanel], list[str]]:
    """Return the panels by name, in the order of the navigation, and the errors in them."""
    panels: dict[str, LoadedPanel] = {}
    problems: list[str] = []
    collected = app.plugins.collect("actionhero_console_panels", Panel, app=app)
    contributions = [(plugin.owner, panel) for plugin, panel in collected]
    contributions += [
        (f"{provider.__module__}.{provider.__qualname__}", provider().panel(app))
        for provider in app.components(PanelProvider)
    ]
    for owner, panel in contributions:
        try:
            loaded = LoadedPanel(panel, owner)
        except ValueError as error:
            problems.append(str(error))
            continue
        if (other := panels.get(panel.name)) is not None:
            problems.append(
                f"{owner} has a panel with the name {panel.name!r}, which is that of "
                f"{other.owner}; rename one of them"
            )
            continue
        panels[panel.name] = loaded
    return dict(sorted(panels.items(), key=lambda item: item[1].panel.order)), problems


def _as_read(read: Callable[..., Any] | Read) -> Read:
    return read if isinstance(read, Read) else Read(read)
