"""Tests of the attribute `limit`: its forms, and the errors at start-up."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, PluginError, RateLimited
from actionhero_limits import Limit

if TYPE_CHECKING:
    from actionhero import Call


def action_with(limit: Any, name: str = "search") -> type[Action]:
    async def run(self: Any) -> str:
        return "found"

    return type("Search", (Action,), {"name": name, "limit": limit, "run": run, "__doc__": "Find."})


#: Without the types of its arguments, which are wrong in these tests.
Untyped: Any = Limit


async def async_function(_: Any) -> int:
    return 1


@pytest.mark.parametrize(
    "limit",
    ["2/hour", {"rate": "2/hour"}, Limit("2/hour"), [Limit("2/hour")], ("2/hour", "5/hour")],
    ids=["text", "dictionary", "limit", "list", "tuple"],
)
async def test_forms_of_a_limit(limited_app: Any, limit: Any) -> None:
    async with limited_app(action_with(limit)) as app:
        client = app.connect("192.0.2.1")
        assert [await client.call("search") for _ in range(2)] == ["found", "found"]

        with pytest.raises(RateLimited):
            await client.call("search")


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (Limit("30/minit"), r"rate = '30/minit': '30/minit' is not a rate"),
        (Untyped(30), r"rate = 30: "),
        (Untyped("1/hour", by="ip"), r"by = 'ip'; available: 'caller', 'user', 'address', 'all'"),
        (Limit("1/hour", by=async_function), r"a function 'by' that is async"),
        (Limit("1/hour", cost=-1), r"cost = -1; write a number from zero"),
        (Untyped("1/hour", cost="1"), r"cost = '1'; write a number from zero"),
        (Limit("1/hour", cost=float("nan")), r"cost = nan; write a number from zero"),
        (Untyped("1/hour", cost=async_function), r"a function 'cost' that is async"),
        (Limit("1/hour", burst=0), r"burst = 0; write a whole number from 1"),
        (Limit("1/hour", name='a"b'), r"name = 'a\"b'; use up to 100 ASCII letters"),
        ({"rates": "1/hour"}, r"limit = \{'rates': '1/hour'\}; write Limit\('30/minute'\)"),
        (
            {"rate": "1/hour", "per": "user"},
            r"the unknown key 'per'; available: rate, by, cost, burst, name",
        ),
        (3, r"limit = 3; write Limit"),
        ([Limit("1/hour", name="a"), Limit("2/hour", name="a")], r"two limits with name = 'a'"),
    ],
    ids=[
        "rate",
        "rate-type",
        "by",
        "by-async",
        "cost",
        "cost-type",
        "cost-nan",
        "cost-async",
        "burst",
        "name",
        "dictionary",
        "argument",
        "type",
        "two-names",
    ],
)
async def test_invalid_limits_are_errors_at_start(
    limited_app: Any, limit: Any, message: str
) -> None:
    place = r"action 'search' \(.*test_declarations\.py:\d+, .*\) has "
    with pytest.raises(PluginError, match=place + ".*" + message):
        async with limited_app(action_with(limit)):
            pass


async def test_limits_of_one_name_have_one_rate(limited_app: Any) -> None:
    actions = (
        action_with(Limit("1/hour", name="exports"), "a"),
        action_with(Limit("2/hour", name="exports"), "b"),
    )
    with pytest.raises(PluginError, match=r"action 'b' .* limit 'exports' with another rate"):
        async with limited_app(*actions):
            pass


async def test_the_sliding_window_has_no_bursts(limited_app: Any) -> None:
    """Otherwise an application could not change the error format."""
    action = action_with(Limit("2/day", burst=5))
    async with limited_app(action, algorithm="sliding_window") as app:
        outcomes = [await app.connect("192.0.2.1").outcome("search") for _ in range(5)]

    assert [outcome.ok for outcome in outcomes] == [True, True, False, False, False]


async def test_invalid_default_rates_are_errors_of_the_setting(limited_app: Any) -> None:
    with pytest.raises(ValueError, match="'many' is not a rate"):
        async with limited_app(default="many"):
            pass


def test_the_declaration_imports_neither_redis_nor_aiohttp() -> None:
    program = (
        "import sys; from actionhero_limits import Limit; Limit('30/minute');"
        "print([m for m in ('redis', 'fakeredis', 'aiohttp', 'pydantic') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    assert output.strip() == "[]"


async def test_a_raising_function_is_our_fault(
    limited_app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def by(call: Call) -> str:
        raise KeyError("tenant")

    async with limited_app(action_with(Limit("1/hour", by=by))) as app:
        outcome = await app.connect().outcome("search")

    assert outcome.error.message == "Internal error"
    assert "KeyError" in caplog.text


async def _tenant(call: Call) -> str:
    return "tenant"


@pytest.mark.parametrize("by", [lambda call: _tenant(call), lambda call: object()])
async def test_a_function_without_a_value_for_each_caller_is_our_fault(
    limited_app: Any, caplog: pytest.LogCaptureFixture, by: Any
) -> None:
    """Each call would have a limit of its own."""
    limit = Limit("1/hour", by=by)
    async with limited_app(action_with(limit)) as app:
        outcome = await app.connect().outcome("search")

    assert outcome.error.message == "Internal error"
    assert "'by' of a limit is " in caplog.text


@pytest.mark.parametrize("cost", [-1, float("nan"), "2", None], ids=repr)
async def test_invalid_costs_are_our_fault_and_name_the_limit(
    limited_app: Any, caplog: pytest.LogCaptureFixture, cost: Any
) -> None:
    limit = Limit("1/hour", cost=lambda _: cost, name="pages")
    async with limited_app(action_with(limit)) as app:
        outcome = await app.connect().outcome("search")

    assert outcome.error.message == "Internal error"
    assert f"the cost of limit 'pages' is {cost!r}" in caplog.text
