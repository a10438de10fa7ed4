"""The order of initializers, and errors in their dependencies."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from actionhero import BootError, Initializer
from actionhero.initializer import has_check, sort_initializers

if TYPE_CHECKING:
    from collections.abc import Sequence


def initializer(
    name_: str, requires_: Sequence[str] = (), after_: Sequence[str] = ()
) -> Initializer:
    class Example(Initializer):
        name = name_
        requires = requires_
        after = after_

    return Example()


def names(initializers: Sequence[Initializer]) -> list[str]:
    return [item.name for item in initializers]


def error_of(*initializers: Initializer) -> str:
    with pytest.raises(BootError) as raised:
        sort_initializers(initializers)
    return str(raised.value)


def test_independent_initializers_keep_their_order() -> None:
    """It is the same on every machine."""
    initializers = [initializer(name) for name in ("web", "db", "cache", "app")]

    assert names(sort_initializers(initializers)) == ["web", "db", "cache", "app"]


def test_required_initializers_come_first() -> None:
    """For every order of the input."""
    initializers = [
        initializer("web", requires_=("db", "cache")),
        initializer("db", requires_=("pool",)),
        initializer("cache", requires_=("pool",)),
        initializer("pool"),
    ]

    for permuted in itertools.permutations(initializers):
        order = names(sort_initializers(permuted))
        assert order[0] == "pool"
        assert order[-1] == "web"


def test_after_refers_to_optional_initializers() -> None:
    """It affects the order only."""
    late, early = initializer("late", after_=("early", "absent")), initializer("early")

    assert names(sort_initializers([late, early])) == ["early", "late"]
    assert names(sort_initializers([late])) == ["late"]


def test_initializers_follow_their_dependencies_immediately() -> None:
    """They are not moved behind later ones."""
    initializers = [initializer("b", requires_=("a",)), initializer("a"), initializer("c")]

    assert names(sort_initializers(initializers)) == ["a", "b", "c"]


def test_a_missing_requirement_is_an_error() -> None:
    """The message has both names, the known ones and the remedy."""
    message = error_of(initializer("web", requires_=("redis",)), initializer("db"))

    assert message.startswith("initializer 'web' (")
    assert message.endswith(
        "requires 'redis', which no plugin provides; available: db, web. Install the plugin that "
        "provides it, or remove it from requires"
    )


def test_a_cycle_is_an_error() -> None:
    """The message lists its initializers in their order."""
    message = error_of(
        initializer("a", requires_=("b",)),
        initializer("b", after_=("c",)),
        initializer("c", requires_=("a",)),
        initializer("outside"),
    )

    assert message.startswith("initializers form a cycle: ")
    cycle = message.partition(": ")[2].partition(";")[0].split(" → ")
    assert cycle[0] == cycle[-1]
    assert set(cycle) == {"a", "b", "c"}
    dependencies = {"a": "b", "b": "c", "c": "a"}
    assert all(dependencies[name] == other for name, other in itertools.pairwise(cycle))
    assert message.endswith("; remove one of them from requires or after")


def test_an_initializer_that_requires_itself_is_a_cycle() -> None:
    """The smallest one."""
    assert "cycle: a → a;" in error_of(initializer("a", requires_=("a",)))


def test_duplicate_names_are_an_error() -> None:
    """The message has both classes."""
    message = error_of(initializer("db"), initializer("db"))

    assert message.startswith("two initializers are called 'db': ")
    assert message.count("Example") == 2
    assert message.endswith("; rename one, or disable one of the plugins")


def test_a_missing_name_is_an_error() -> None:
    """Others could not refer to it."""

    class Nameless(Initializer):
        pass

    message = error_of(Nameless())

    assert "Nameless has no name; set name = '…' on it" in message


def test_has_check_recognizes_overridden_checks() -> None:
    """Other initializers have no health check."""

    class Checked(Initializer):
        name = "checked"

        async def check(self) -> None: ...

    assert has_check(Checked())
    assert not has_check(initializer("plain"))
