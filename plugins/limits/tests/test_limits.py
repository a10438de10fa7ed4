"""Tests of limits: the callers that share them, costs, bursts, and the place in a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    Action,
    Call,
    Connection,
    Inputs,
    InvalidInput,
    Middleware,
    Principal,
    RateLimited,
    SignedIn,
    SignInRequired,
)
from actionhero_limits import Limit, Limits
from actionhero_limits.identity import MAX_LENGTH
from actionhero_limits.store import LocalStore

if TYPE_CHECKING:
    from actionhero.testing import Caller


class PageInputs(Inputs):
    pages: int


class Search(Action):
    """Find pages."""

    name = "search"
    limit = Limit("2/hour")

    async def run(self) -> str:
        return "found"


class Export(Action):
    """Export pages."""

    name = "export"
    limit = [
        Limit("5/hour", by="user", cost=lambda inputs: inputs.pages),
        Limit("7/hour", by="all", name="exports"),
    ]

    async def run(self, inputs: PageInputs) -> str:
        return "exported"


def action_with(limit: Any = Search.limit, name: str = "ping", **attributes: Any) -> type[Action]:
    """Return an action like `Search` with another limit."""
    return type("Ping", (Search,), {"name": name, "limit": limit, **attributes})


async def count_accepted(client: Caller, action: str, calls: int, **inputs: Any) -> int:
    accepted = 0
    for _ in range(calls):
        outcome = await client.outcome(action, **inputs)
        if outcome.error is None:
            accepted += 1
        else:
            assert isinstance(outcome.error, RateLimited)
    return accepted


def user(name: str) -> Principal:
    return Principal(name)


async def test_the_error_has_the_time_until_the_next_call(limited_app: Any) -> None:
    async with limited_app(Search) as app:
        client = app.connect("192.0.2.1")
        assert await count_accepted(client, "search", 2) == 2

        with pytest.raises(RateLimited) as refused:
            await client.call("search")

    seconds = refused.value.retry_after_seconds
    assert seconds is not None
    assert 1700 < seconds <= 1800
    assert refused.value.message == f"Too many requests. Try again in {seconds} s."


async def test_callers_are_users_and_addresses(limited_app: Any) -> None:
    async with limited_app(Search) as app:
        for remote, principal, accepted in [
            ("192.0.2.1", None, 2),
            ("192.0.2.1", None, 0),
            ("192.0.2.2", None, 2),
            ("192.0.2.1", user("ada"), 2),
            ("192.0.2.9", user("ada"), 0),
            ("192.0.2.1", user("grace"), 2),
            ("192.0.2.1", Principal(7), 2),
            ("192.0.2.1", Principal("7"), 2),
        ]:
            client = app.connect(remote, principal=principal)
            assert await count_accepted(client, "search", 3) == accepted


@pytest.mark.parametrize(
    ("first", "second", "is_shared"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        (None, None, True),
    ],
)
async def test_addresses(
    limited_app: Any, first: str | None, second: str | None, is_shared: bool
) -> None:
    """A network of 64 bits is one customer in IPv6."""
    ping = action_with(Limit("2/hour", by="address"))
    async with limited_app(ping) as app:
        await count_accepted(app.connect(first), "ping", 2)

        accepted = await count_accepted(app.connect(second), "ping", 1)

    assert accepted == (0 if is_shared else 1)


async def test_a_limit_of_users_is_not_for_other_callers(limited_app: Any) -> None:
    ping = action_with(Limit("2/hour", by="user"))
    async with limited_app(ping) as app:
        assert await count_accepted(app.connect("192.0.2.1"), "ping", 5) == 5
        assert await count_accepted(app.connect("192.0.2.1", principal=user("ada")), "ping", 5) == 2


async def test_a_limit_of_all_is_one_for_all_callers(limited_app: Any) -> None:
    ping = action_with(Limit("5/hour", by="all"))
    async with limited_app(ping) as app:
        accepted = [await count_accepted(app.connect(f"192.0.2.{n}"), "ping", 2) for n in range(4)]

    assert accepted == [2, 2, 1, 0]


async def test_a_function_selects_the_callers_that_share_a_limit(limited_app: Any) -> None:
    def tenant(call: Call) -> object:
        return call.inputs.pages or None

    class Ping(Action):
        """Ping."""

        name = "ping"
        limit = Limit("2/hour", by=tenant)

        async def run(self, inputs: PageInputs) -> str:
            return "pong"

    async with limited_app(Ping) as app:
        client = app.connect("192.0.2.1")
        accepted = [await count_accepted(client, "ping", 4, pages=pages) for pages in (1, 2, 1, 0)]

    assert accepted == [2, 2, 0, 4]


async def test_a_burst_is_possible_at_once(limited_app: Any) -> None:
    ping = action_with(Limit("100/hour", burst=3))
    async with limited_app(ping) as app:
        assert await count_accepted(app.connect("192.0.2.1"), "ping", 5) == 3


@pytest.mark.parametrize(
    ("costs", "accepted"),
    [
        ([1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]),
        ([3, 3, 2, 1], [1, 0, 1, 0]),
        ([9, 1], [1, 0]),
        ([0, 0, 5, 0, 1, 0], [1, 1, 1, 0, 0, 0]),
        ([2.5, 2.5, 0.5], [1, 1, 0]),
    ],
    ids=str,
)
async def test_costs(limited_app: Any, costs: list[float], accepted: list[int]) -> None:
    """One above the quota is the whole quota, and none asks for one call without taking it."""

    class CostInputs(Inputs):
        cost: float

    class Ping(Action):
        """Ping."""

        name = "ping"
        limit = Limit("5/hour", cost=lambda inputs: inputs.cost)

        async def run(self, inputs: CostInputs) -> str:
            return "pong"

    async with limited_app(Ping) as app:
        client = app.connect("192.0.2.1")
        assert [await count_accepted(client, "ping", 1, cost=cost) for cost in costs] == accepted


async def test_a_refused_call_is_counted_in_no_limit(limited_app: Any) -> None:
    async with limited_app(Export) as app:
        ada, grace = (app.connect(principal=user(name)) for name in ("ada", "grace"))
        assert await count_accepted(ada, "export", 1, pages=5) == 1
        # The limit of the user refuses, so that of all has six left.
        assert await count_accepted(ada, "export", 20, pages=5) == 0

        assert await count_accepted(grace, "export", 9, pages=0) == 6


async def test_limits_with_the_same_name_are_one(limited_app: Any) -> None:
    shared = Limit("3/hour", name="shared")
    async with limited_app(action_with(shared, "one"), action_with(shared, "two")) as app:
        client = app.connect("192.0.2.1")
        assert await count_accepted(client, "one", 2) == 2
        assert await count_accepted(client, "two", 2) == 1


@pytest.mark.parametrize("by", ["caller", "address", "all"])
async def test_calls_with_invalid_inputs_are_counted(limited_app: Any, by: str) -> None:
    limit = Limit("2/hour", by=by)  # type: ignore[arg-type]
    pages = type("Pages", (Export,), {"name": "pages", "limit": limit})
    async with limited_app(pages) as app:
        client = app.connect("192.0.2.1")
        for _ in range(2):
            with pytest.raises(InvalidInput):
                await client.call("pages", pages="many")

        with pytest.raises(RateLimited):
            await client.call("pages", pages="many")


async def test_calls_that_are_not_authorized_are_counted(limited_app: Any) -> None:
    class Refusing(Middleware):
        async def authorize(self, call: Call) -> None:
            raise SignInRequired

    for requires in ({"requires": SignedIn()}, {"middleware": [Refusing()]}):
        private = action_with(name="private", **requires)
        async with limited_app(private) as app:
            client = app.connect("192.0.2.1")
            for _ in range(2):
                with pytest.raises(SignInRequired):
                    await client.call("private")

            with pytest.raises(RateLimited):
                await client.call("private")


async def test_other_middleware_does_not_run_for_refused_calls(limited_app: Any) -> None:
    entered = []

    class Recorder(Middleware):
        async def authorize(self, call: Call) -> None:
            entered.append(call)

    async with limited_app(Search, Recorder()) as app:
        assert await count_accepted(app.connect("192.0.2.1"), "search", 5) == 2

    assert len(entered) == 2


async def test_calls_by_other_actions_are_counted(limited_app: Any) -> None:
    class Outer(Action):
        """Search."""

        name = "outer"
        limit = None

        async def run(self, call: Call) -> str:
            return await call.run(Search)

    async with limited_app(Outer, Search) as app:
        assert await count_accepted(app.connect("192.0.2.1"), "outer", 5) == 2


class Plain(Action):
    """Has no limit of its own."""

    name = "plain"

    async def run(self) -> str:
        return "plain"


async def test_the_default_limit_is_one_of_all_actions_without_their_own(limited_app: Any) -> None:
    class Exempt(Plain):
        name = "exempt"
        limit = None

    class Other(Action):
        """Calls another action, which is counted once."""

        name = "other"

        async def run(self, call: Call) -> str:
            return await call.run(Plain)

    async with limited_app(Plain, Other, Exempt, Search, default="4/hour") as app:
        client = app.connect("192.0.2.1")
        assert await count_accepted(client, "plain", 2) == 2
        assert await count_accepted(client, "other", 3) == 2
        assert await count_accepted(client, "plain", 1) == 0
        assert await count_accepted(client, "search", 3) == 2
        assert await count_accepted(client, "exempt", 9) == 9
        assert await count_accepted(app.connect("192.0.2.2"), "plain", 9) == 4


@pytest.mark.parametrize(
    ("settings", "strangers", "users"),
    [
        ({"default": "2/hour"}, 2, 2),
        ({"default": "2/hour", "default_signed_in": "5/hour"}, 2, 5),
        ({"default_signed_in": "5/hour"}, 9, 5),
        ({}, 9, 9),
    ],
    ids=["default", "both", "signed-in", "none"],
)
async def test_default_limits(
    limited_app: Any, settings: dict[str, str], strangers: int, users: int
) -> None:
    async with limited_app(Plain, **settings) as app:
        assert await count_accepted(app.connect("192.0.2.1"), "plain", 9) == strangers
        ada = app.connect("192.0.2.1", principal=user("ada"))
        assert await count_accepted(ada, "plain", 9) == users


async def test_exempt_addresses_are_not_limited(limited_app: Any) -> None:
    async with limited_app(Search, exempt=["10.0.0.0/8", "2001:db8::1"]) as app:
        for remote, accepted in [
            ("10.1.2.3", 5),
            ("::ffff:10.1.2.3", 5),
            ("2001:db8::1", 5),
            ("2001:db8::2", 2),
            ("192.0.2.1", 2),
            ("unknown", 2),
        ]:
            assert await count_accepted(app.connect(remote), "search", 5) == accepted


@pytest.mark.parametrize(
    ("transport", "is_limited"),
    [("web", True), ("websocket", True), ("mcp", True), ("cli", False), ("task", False)],
)
async def test_transports(limited_app: Any, transport: str, is_limited: bool) -> None:
    async with limited_app(Search) as app:
        assert app.get(Limits).apply_to(Connection(transport)) == is_limited


async def test_further_transports(limited_app: Any) -> None:
    async with limited_app(Search, transports=["cli"]) as app:
        assert app.get(Limits).apply_to(Connection("cli"))
        assert not app.get(Limits).apply_to(Connection("web"))


@pytest.mark.parametrize(("enabled", "accepted"), [(None, 5), (True, 2), (False, 5)])
async def test_limits_are_disabled_in_tests(
    limited_app: Any, enabled: bool | None, accepted: int
) -> None:
    async with limited_app(Search, enabled=enabled) as app:
        assert await count_accepted(app.connect("192.0.2.1"), "search", 5) == accepted


class SmsInputs(Inputs):
    phone: str
    parts: int = 1


class SendSms(Action):
    """Send a message."""

    name = "sms:send"

    async def run(self, inputs: SmsInputs, call: Call) -> str:
        await call.get(Limits).check("sms", by=inputs.phone, rate="3/10minutes", cost=inputs.parts)
        return "sent"


async def test_operations_inside_an_action(limited_app: Any) -> None:
    async with limited_app(SendSms) as app:
        client = app.connect("192.0.2.1")
        assert await count_accepted(client, "sms:send", 5, phone="1") == 3
        assert await count_accepted(client, "sms:send", 5, phone="2", parts=2) == 1

        with pytest.raises(RateLimited, match=r"Try again in (200|1\d\d) s"):
            await client.call("sms:send", phone="1")


async def test_invalid_checks_are_errors_of_the_author(limited_app: Any) -> None:
    async with limited_app() as app:
        limits = app.get(Limits)
        with pytest.raises(ValueError, match="'3' is not a rate"):
            await limits.check("sms", rate="3")
        with pytest.raises(ValueError, match="the cost of limit 'sms' is -1"):
            await limits.check("sms", rate="3/hour", cost=-1)
        with pytest.raises(ValueError, match="the burst of limit 'sms' is -1, which is below one"):
            await limits.check("sms", rate="3/hour", burst=-1)
        with pytest.raises(TypeError, match="'by' of a limit is 'object'; it must be a text or a"):
            await limits.check("sms", rate="3/hour", by=object())


async def test_a_name_has_one_rate_and_burst(limited_app: Any) -> None:
    """Otherwise the same count would stand for different times."""
    declared = action_with([Limit("5/hour", burst=2, name="phone"), Limit("9/hour", name="other")])
    async with limited_app(declared, default="60/minute") as app:
        limits = app.get(Limits)
        await limits.check("sms", rate="3/hour")
        await limits.check("sms", rate="3/1hours", burst=3)
        with pytest.raises(ValueError, match="is 4 per 3600 s with burst 4 here, and 3 per 3600 s"):
            await limits.check("sms", rate="4/hour")
        with pytest.raises(ValueError, match=r"burst 1 here, and .* burst 3 elsewhere"):
            await limits.check("sms", rate="3/hour", burst=1)
        with pytest.raises(ValueError, match="burst 5 here, and 5 per 3600 s with burst 2"):
            await limits.check("phone", rate="5/hour")
        with pytest.raises(ValueError, match="here, and 60 per 60 s with burst 60"):
            await limits.check("default", rate="5/hour")


async def test_a_check_counts_together_with_the_calls_of_an_action(limited_app: Any) -> None:
    """Also in Redis, where the limits of one action are in one slot."""
    declared = action_with([Limit("1/hour", by="all", name="sent"), Limit("9/hour", name="other")])
    async with limited_app(declared) as app:
        await app.get(Limits).check("sent", rate="1/hour")

        with pytest.raises(RateLimited):
            await app.connect("192.0.2.1").call("ping")


async def test_long_values_are_not_stored(limited_app: Any) -> None:
    """Clients choose them, and a process stores those of many."""
    async with limited_app(store="local") as app:
        limits = app.get(Limits)
        for value in ("x" * 10_000 + "1", "x" * 10_000 + "2"):
            await limits.check("text", by=value, rate="1/hour")
            with pytest.raises(RateLimited):
                await limits.check("text", by=value, rate="1/hour")

        assert isinstance(limits.store, LocalStore)
        identities = {identity for _, identity in limits.store._stored}
        assert len(identities) == 2
        assert max(map(len, identities)) <= MAX_LENGTH


@pytest.mark.parametrize("algorithm", ["gcra", "sliding_window"])
@pytest.mark.parametrize("mode", ["redis", "memory", "local"])
async def test_the_smallest_cost_is_one_that_the_store_takes(
    limited_app: Any, algorithm: str, mode: str, request: pytest.FixtureRequest
) -> None:
    """Below the resolution of its time."""
    environ = (
        {"REDIS_URL": request.getfixturevalue("redis_server").url} if mode == "redis" else None
    )
    store = "local" if mode == "local" else "redis"
    async with limited_app(environ=environ, algorithm=algorithm, store=store) as app:
        for cost in (5e-324, 1e-9, 0.0001):
            await app.get(Limits).check("sms", rate="1000000/second", cost=cost)


async def test_unlimited_actions_have_no_middleware(limited_app: Any) -> None:
    async with limited_app(Plain, Search) as app:
        pipeline = app.app.pipeline
        layers = {action.name: pipeline.middleware_of(action) for action in app.app.actions}

    assert layers["plain"] == ()
    assert len(layers["search"]) == 1
