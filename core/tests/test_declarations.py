"""Tests of the check of class attributes, and of methods of components."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from actionhero import Action, Call, Initializer, Middleware, RunMode, SignedIn, hookimpl
from actionhero.app import App
from actionhero.cli.doctor import examine
from actionhero.declarations.actions import check_actions
from actionhero.declarations.components import check_component
from actionhero.health import Finding
from actionhero.inputs.near_misses import near_miss
from actionhero.settings import read_sources
from actionhero.testing import running_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


class Greet(Action):
    """An action whose attributes are all known, or the author's."""

    name = "greet"
    web = "GET /greet"
    _private = 1
    LIMITS: ClassVar = {"short": 10}
    page_size: ClassVar[int] = 20

    class Greeting:
        """A nested class."""

    async def run(self, call: Call) -> int:
        return self.page_size

    def tasks(self) -> int:
        """Return a number, by a method with a name that is near to `task`."""
        return 1

    @property
    def limits(self) -> int:
        """A property."""
        return 2

    @functools.cached_property
    def webs(self) -> int:
        """A cached property."""
        return 3

    @staticmethod
    def names() -> None:
        """Do nothing."""


async def test_self_may_be_annotated() -> None:
    """Such as in a function that is added to a class later."""

    async def run(self: Any, number: int) -> int:
        return number

    annotated = type("Annotated", (Action,), {"name": "annotated", "run": run})

    async with running_app(annotated) as app:
        result = await app.call("annotated", number=3)

    assert result == 3


def test_attributes_of_the_author_are_allowed() -> None:
    """Private ones, constants, annotated ones, methods, properties, and nested classes."""
    findings = check_actions([("plugin 'party'", Greet)], ())

    assert findings.errors == findings.warnings == []


def test_an_inherited_attribute_is_reported_once() -> None:
    """For the first action that has it."""

    class Base(Action):
        colour = "red"

        async def run(self, call: Call) -> None: ...

    class First(Base):
        name = "first"

    class Second(Base):
        name = "second"

    findings = check_actions([("plugin 'party'", First), ("plugin 'party'", Second)], ())

    [warning] = findings.warnings
    assert warning.startswith("action 'first'")
    assert "has the attribute 'colour', which nothing reads" in warning


def test_a_function_as_value_is_an_attribute() -> None:
    """`require = is_owner` is no method."""

    def is_owner(call: Call) -> bool:
        return True

    class Delete(Action):
        name = "delete"
        require = is_owner

        async def run(self, call: Call) -> None: ...

    [error] = check_actions([("plugin 'party'", Delete)], ()).errors

    assert "did you mean 'requires'?" in error


def test_a_requirement_that_is_used_may_have_another_name() -> None:
    """It is enforced already."""

    class Delete(Action):
        name = "delete"
        guard: ClassVar = SignedIn()
        requires = guard

        async def run(self, call: Call) -> None: ...

    assert check_actions([("plugin 'party'", Delete)], ()).errors == []


def test_the_attribute_limit_without_its_plugin_is_reported() -> None:
    """The action is not limited; the attributes of transports have no effect on the others."""

    class Limited(Action):
        name = "limited"
        limit = "3/minute"
        task: ClassVar = {"queue": "mail"}

        async def run(self, call: Call) -> None: ...

    [warning] = check_actions([("plugin 'party'", Limited)], ()).warnings

    assert "has the attribute 'limit', which no active plugin reads" in warning
    assert "install and enable actionhero-limits" in warning
    assert check_actions([("plugin 'party'", Limited)], ("limit",)).warnings == []


class Painted(Action):
    """An action with an attribute of a plugin."""

    name = "painted"
    colour = "red"

    async def run(self, call: Call) -> None: ...


class Paint:
    """A plugin that reads an attribute of actions."""

    @hookimpl
    def actionhero_action_attributes(self) -> list[str]:
        return ["colour"]


def load(tmp_path: Path, *plugins: Any) -> App:
    """Return a loaded application with the action, and with plugins."""

    class Party:
        @hookimpl
        def actionhero_actions(self) -> list[type[Action]]:
            return [Painted]

    return App.from_plugins([Party(), *plugins], read_sources(tmp_path, environ={}))


def test_plugins_name_the_attributes_that_they_read(tmp_path: Path) -> None:
    """By a hook; without the plugin, `doctor` reports the attribute."""
    app = load(tmp_path)

    [warning] = app.warnings
    assert "has the attribute 'colour', which nothing reads" in warning
    diagnoses = [item for item in examine(app, deploy=False) if item.check == "attributes"]
    assert [(item.finding, item.message) for item in diagnoses] == [(Finding.WARNING, warning)]
    assert load(tmp_path, Paint()).warnings == []


@pytest.mark.parametrize(("mode", "is_logged"), [(RunMode.WORKER, True), (RunMode.CLI, False)])
async def test_warnings_are_logged_at_the_start(
    mode: RunMode, is_logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Not for each command of the command line."""
    with caplog.at_level(logging.WARNING, "actionhero.app"):
        async with running_app(Painted, mode=mode):
            pass

    assert ("has the attribute 'colour'" in caplog.text) is is_logged


def test_methods_that_return_awaitables_need_no_async() -> None:
    """Decorated ones, and those whose annotation names an awaitable."""

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return function(*args)

        return wrapper

    class Guard(Middleware):
        def before(self, call: Call) -> Awaitable[None]:  # type: ignore[override]
            return self._check(call)

        @decorated
        async def after(self, call: Call, outcome: Any) -> None: ...

        async def _check(self, call: Call) -> None: ...

    assert check_component(Guard, Middleware, "middleware Guard") == []


def test_attributes_of_components_may_have_any_other_name() -> None:
    """Only near misses are errors: components have attributes of their own."""

    class Mail(Initializer):
        name = "mail"
        url = "smtp://localhost"
        after_start = 1
        modus = 2

    [error] = check_component(Mail, Initializer, "initializer Mail")

    assert "has the attribute 'modus', which nothing reads; did you mean 'modes'?" in error


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("middlewares", "middleware"),
        ("middlware", "middleware"),
        ("wbe", "web"),
        ("we", "web"),
        ("time_out", "timeout"),
        ("Timeout", "timeout"),
        ("limot", "limit"),
        ("web", "web"),
        ("map", None),
        ("tag", None),
        ("routes", None),
        ("mid", None),
    ],
)
def test_near_misses_are_one_typing_error(name: str, match: str | None) -> None:
    """Short names with another letter are other words."""
    assert near_miss(name, ["middleware", "web", "timeout", "limit", "mcp", "task"]) == match
