"""`Panel`, its parts `Read` and `Change`, and the `PanelContext` of their functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from actionhero_console.operators import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from actionhero import Application, Connection
    from actionhero_console.operators import Operator


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

    @property
    def unanswered(self) -> list[str]:
        """The processes that are missing, and those whose function failed."""
        failed = (answer.process for answer in self.answers if answer.error)
        return sorted({*self.missing, *failed})


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
