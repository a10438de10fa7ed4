"""The order in which initializers start, and what is said where there is none."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from actionhero import BootError, Initializer
from actionhero.initializer import in_order, writes_check

if TYPE_CHECKING:
    from collections.abc import Sequence


def initializer(named: str, needs: Sequence[str] = (), behind: Sequence[str] = ()) -> Initializer:
    class Made(Initializer):
        name = named
        requires = needs
        after = behind

    return Made()


def names(initializers: Sequence[Initializer]) -> list[str]:
    return [item.name for item in initializers]


def fault_of(*initializers: Initializer) -> str:
    with pytest.raises(BootError) as raised:
        in_order(initializers)
    return str(raised.value)


def test_where_nothing_is_asked_for_they_stay_as_they_were_given() -> None:
    """The same order on every machine."""
    given = [initializer(name) for name in ("web", "db", "cache", "app")]

    assert names(in_order(given)) == ["web", "db", "cache", "app"]


def test_what_is_required_goes_first_in_whatever_order_they_are_given() -> None:
    """Each after all that it requires."""
    given = [
        initializer("web", needs=("db", "cache")),
        initializer("db", needs=("pool",)),
        initializer("cache", needs=("pool",)),
        initializer("pool"),
    ]

    for permuted in itertools.permutations(given):
        order = names(in_order(permuted))
        assert order[0] == "pool"
        assert order[-1] == "web"


def test_what_is_only_named_as_after_may_be_missing() -> None:
    """`after` is about order, if it is there, and asks for nothing."""
    late, early = initializer("late", behind=("early", "absent")), initializer("early")

    assert names(in_order([late, early])) == ["early", "late"]
    assert names(in_order([late])) == ["late"]


def test_what_waits_goes_as_soon_as_it_can() -> None:
    """One that was given early is not put off behind those that were given later."""
    given = [initializer("b", needs=("a",)), initializer("a"), initializer("c")]

    assert names(in_order(given)) == ["a", "b", "c"]


def test_a_requirement_that_is_missing_is_told_with_both_names() -> None:
    """Who requires what, what there is, and what to do."""
    fault = fault_of(initializer("web", needs=("redis",)), initializer("db"))

    assert fault.startswith("initializer 'web' (")
    assert fault.endswith(
        "requires 'redis', which no plugin provides; there are: db, web. Install the plugin that "
        "provides it, or remove it from requires"
    )


def test_a_circle_is_told_as_a_circle() -> None:
    """All that wait for each other are named, in the order in which they wait."""
    fault = fault_of(
        initializer("a", needs=("b",)),
        initializer("b", behind=("c",)),
        initializer("c", needs=("a",)),
        initializer("outside"),
    )

    assert fault.startswith("initializers wait for each other in a circle: ")
    circle = fault.partition(": ")[2].partition(";")[0].split(" → ")
    assert circle[0] == circle[-1]
    assert set(circle) == {"a", "b", "c"}
    waits = {"a": "b", "b": "c", "c": "a"}
    assert all(waits[one] == other for one, other in itertools.pairwise(circle))
    assert fault.endswith("; remove one of them from requires or after")


def test_one_that_waits_for_itself_is_a_circle_too() -> None:
    """The smallest one."""
    assert "circle: a → a;" in fault_of(initializer("a", needs=("a",)))


def test_two_of_one_name_are_refused() -> None:
    """Both are named by their classes."""
    fault = fault_of(initializer("db"), initializer("db"))

    assert fault.startswith("two initializers are called 'db': ")
    assert fault.count("Made") == 2
    assert fault.endswith("; rename one, or disable one of the plugins")


def test_one_without_a_name_is_refused() -> None:
    """Others could not name it."""

    class Nameless(Initializer):
        pass

    fault = fault_of(Nameless())

    assert "Nameless has no name; set name = '…' on it" in fault


def test_only_what_writes_a_check_has_one() -> None:
    """An initializer that says nothing of its health is not asked."""

    class Checked(Initializer):
        name = "checked"

        async def check(self) -> None: ...

    assert writes_check(Checked())
    assert not writes_check(initializer("plain"))
