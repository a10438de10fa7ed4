"""The panel Limits of the console."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from plugins.console.tests.conftest import OPERATORS, console_site
from plugins.console.tests.test_processes import until_subscribed

from actionhero import Action, Call, RateLimited
from actionhero_console.console import Console
from actionhero_limits import Limit, Limits
from actionhero_limits import plugin as limits_plugin
from actionhero_limits.identity import digest_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from plugins.console.tests.conftest import Site

ADDRESS = "address:127.0.0.1"
DIGEST = digest_of(ADDRESS)


def tenant(call: Call) -> str:
    return "tenant"


class Order(Action):
    """Order a book, at most once an hour, with another limit of all callers."""

    name = "order"
    web = "POST /order"
    limit = (Limit("1/hour", by="address"), Limit("100/10minutes", by="all", cost=2, name="orders"))

    async def run(self) -> None:
        pass


class Import(Action):
    """Import books."""

    name = "import"
    web = "POST /import"
    limit = Limit("5/2days", by=tenant, burst=1)

    async def run(self) -> None:
        pass


@contextlib.asynccontextmanager
async def limited_site(store: str = "redis", **options: Any) -> AsyncIterator[Site]:
    """Run an application with limits and a console."""
    environ = {
        "ACTIONHERO_LIMITS__STORE": store,
        "ACTIONHERO_LIMITS__DEFAULT": "600/minute",
        **options.pop("environ", {}),
    }
    async with console_site(
        limits_plugin, Order, Import, operators=OPERATORS, environ=environ, **options
    ) as running:
        yield running


async def order(site: Site) -> int:
    """Return the status of a call."""
    return (await site.client.post("/api/order")).status_code


async def test_declared_limits_are_listed() -> None:
    """The default first, with the names of functions."""
    async with limited_site() as site:
        await site.sign_in("eve")
        shown = await site.read("limits.declared")

    rows = [tuple(row.values()) for row in shown["limits"]]
    assert rows[0] == ("", "default", "600/minute", 600, "caller", "1")
    assert sorted(rows[1:]) == [
        ("import", "import", "5/2days", 1, "tenant()", "1"),
        ("order", "order", "1/hour", 1, "address", "1"),
        ("order", "orders", "100/10minutes", 100, "all", "2"),
    ]
    assert (shown["enabled"], shown["store"], shown["algorithm"]) == (True, "redis", "gcra")


@pytest.mark.parametrize("store", ["redis", "local"])
async def test_a_refused_caller_is_reset(store: str) -> None:
    """By an operator; identities are never shown."""
    async with limited_site(store) as site:
        before = [await order(site), await order(site)]
        await site.sign_in("eve")
        shown = await site.read("limits.refusals")
        inputs = {"limit": "order", "key": DIGEST}
        refused = await site.change("limits/reset", json=inputs)
        site.client.cookies.clear()
        await site.sign_in("bob")
        reset = await site.change("limits/reset", json=inputs)
        # At once again: the answers of processes to the last one are not used for it.
        after = [await order(site), await order(site)]
        again = await site.change("limits/reset", json=inputs)
        last = await order(site)
        unknown = await site.change("limits/reset", json={"limit": "order", "key": "0" * 32})
        invalid = await site.change("limits/reset", json={"limit": "order", "key": ADDRESS})
        audited = await site.audit()

    assert before == after == [200, 429]
    assert [(row["limit"], row["key"]) for row in shown["refused"]] == [("order", DIGEST)]
    assert shown["is_complete"] is True
    assert "127.0.0.1" not in repr(shown)
    assert refused.status_code == 403
    assert reset.json()["value"] == again.json()["value"] == {"existed": True, "missing": []}
    assert last == 200
    assert unknown.json()["value"]["existed"] is False
    assert invalid.status_code == 422
    assert f"caller {DIGEST} of limit order" in {entry.get("target") for entry in audited}


async def test_checks_are_counted_with_metrics_only() -> None:
    """By limit and result."""
    async with limited_site() as site:
        limits = site.app.app.get(Limits)
        await site.sign_in("eve")
        await order(site)
        without = await site.read("limits.refusals")
        limits.checks.record = lambda *_: None
        await order(site)
        await limits.check("sms", rate="1/hour")
        with pytest.raises(RateLimited):
            await limits.check("sms", rate="1/hour")
        site.app.app.get(Console).processes._results.clear()
        shown = await site.read("limits.refusals")

    assert (without["are_counted"], without["checks"]) == (False, [])
    assert shown["are_counted"] is True
    assert shown["checks"] == [
        {"limit": "order", "refused": 1},
        {"limit": "orders", "refused": 1},
        {"limit": "sms", "allowed": 1, "refused": 1},
    ]


async def test_all_processes_forget_a_refusal(redis_server: Any) -> None:
    """Also those that refuse without asking Redis."""
    environ = {"ACTIONHERO_REDIS__MODE": "auto", "REDIS_URL": redis_server.url}
    async with limited_site(environ=environ) as one, limited_site(environ=environ) as other:
        other.app.app.get(Console).processes.name = "elsewhere 7 worker"
        await until_subscribed(one)
        before = [await order(one), await order(one), await order(other)]
        await one.sign_in("bob")
        shown = await one.read("limits.refusals")
        reset = await one.change("limits/reset", json={"limit": "order", "key": DIGEST})
        after = [await order(other), await order(one)]

    assert before == [200, 429, 429]
    assert [row["processes"] for row in shown["refused"]] == [2]
    assert reset.json()["value"] == {"existed": True, "missing": []}
    assert after == [200, 429]


async def test_the_sliding_window_has_no_refused_callers() -> None:
    """A refused call counts as well, so the store is asked each time."""
    async with limited_site(environ={"ACTIONHERO_LIMITS__ALGORITHM": "sliding_window"}) as site:
        statuses = [await order(site), await order(site)]
        await site.sign_in("bob")
        declared = await site.read("limits.declared")
        shown = await site.read("limits.refusals")
        reset = await site.change("limits/reset", json={"limit": "order", "key": DIGEST})
        after = await order(site)

    assert statuses == [200, 429]
    assert declared["algorithm"] == "sliding_window"
    assert shown["refused"] == []
    assert reset.json()["value"] == {"existed": True, "missing": []}
    assert after == 200
