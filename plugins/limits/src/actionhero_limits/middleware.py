"""The middleware that enforces the limits of actions."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from actionhero import Middleware, RateLimited
from actionhero_limits.headers import LimitHeaders, described_headers
from actionhero_limits.identity import ALL, ANONYMOUS, address_identity, call_identity
from actionhero_limits.limits import limits_for
from actionhero_limits.plans import PlannedLimit, checked_cost, plan_limits
from actionhero_limits.quota import Quota, Take, Takes
from actionhero_limits.rate import parse_rate
from actionhero_limits.settings import LimitsSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero import Application, Call, Connection, Session
    from actionhero.transport import RegisteredAction
    from actionhero_limits.limits import Limits

#: The addresses whose requests to the store an action keeps.
CACHE_SIZE: Final = 1000
#: The names of the default limits.
DEFAULT: Final = "default"
DEFAULT_SIGNED_IN: Final = "default:signed-in"


class LimitMiddleware(Middleware):
    """Selects the middleware of each action, by what its limits need to know.

    Limits of addresses, or of all callers, are checked first of all; those of users once the caller
    is identified, before other middleware can refuse it. Both also count calls with invalid inputs.
    Only limits that depend on inputs are checked after these are validated. The limits of one
    action are checked together, because a call is counted in all of them or in none.

    Args:
        limits: Counts calls.
        settings: The default limits.
        by_action: The limits of actions.
    """

    def __init__(
        self,
        limits: Limits,
        settings: LimitsSettings,
        by_action: Mapping[str, tuple[PlannedLimit, ...]],
    ) -> None:
        self._limits = limits
        self._by_action = by_action
        self._default = default_limits(settings)

    def for_action(self, action: RegisteredAction) -> Middleware | None:
        """Return the middleware of an action; `None` if its calls are not limited."""
        is_default = action.name not in self._by_action
        planned = self._default if is_default else self._by_action[action.name]
        if not planned or not self._limits.enabled:
            return None
        # The original ActionHero does not count calls with invalid inputs.
        if self._limits.legacy or any(callable(item.by) or callable(item.cost) for item in planned):
            return InputLimits(self._limits, planned, skips_nested=is_default)
        if all(item.by in ("address", "all") for item in planned):
            return AdmissionLimits(self._limits, planned)
        return AuthorizationLimits(self._limits, planned, skips_nested=is_default)


def limit_middleware(app: Application) -> LimitMiddleware:
    """Return the middleware of an application."""
    limits = limits_for(app)
    plans = plan_limits(app, has_bursts=limits.has_bursts)
    for planned in chain(default_limits(app.get(LimitsSettings)), *plans.by_action.values()):
        limits.declare(planned.quota)
    return LimitMiddleware(limits, app.get(LimitsSettings), plans.by_action)


class ActionLimits(Middleware):
    """The base class of middleware with the limits of one action.

    Args:
        limits: Counts calls.
        planned: The limits.
        skips_nested: Whether calls by other actions are not counted, as the default limit has
            counted the outermost call.
    """

    errors = (RateLimited,)

    def __init__(
        self, limits: Limits, planned: Sequence[PlannedLimit], *, skips_nested: bool = False
    ) -> None:
        self._skips_nested = skips_nested
        self._limits = limits
        self._planned = [(quota, call_identity(by), cost) for quota, by, cost in planned]
        self.response_headers = described_headers(limits.header_style)
        quotas = [item.quota for item in planned]
        self._headers = LimitHeaders(limits.header_style, quotas) if self.response_headers else None

    async def _count(self, call: Call) -> None:
        if not self._limits.apply_to(call.connection):
            return
        if self._skips_nested and call.outer is not None:
            return
        user_key = self._limits.user_key
        takes = []
        for quota, identity_of, cost in self._planned:
            identity = identity_of(call, user_key)
            if identity is not None:
                calls = checked_cost(quota, cost(call.inputs)) if callable(cost) else cost
                takes.append(Take(quota, identity, calls))
        if takes:
            await self._limits.enforce(Takes(takes), call.connection, self._headers)


class AuthorizationLimits(ActionLimits):
    """Limits by user; checked when the caller is identified."""

    async def authorize(self, call: Call) -> None:
        """Count the call, or refuse it."""
        await self._count(call)


class InputLimits(ActionLimits):
    """Limits with a function of the call or of its inputs; checked when these are valid."""

    async def before(self, call: Call) -> None:
        """Count the call, or refuse it."""
        await self._count(call)


class AdmissionLimits(ActionLimits):
    """Limits by address, or of all callers; checked before anything of the call is read."""

    def __init__(self, limits: Limits, planned: Sequence[PlannedLimit]) -> None:
        super().__init__(limits, planned)
        self._limited = tuple(planned)
        self._takes_of = lru_cache(CACHE_SIZE)(self._takes)

    async def admit(self, connection: Connection, action: Any, session: Session | None) -> None:
        """Count the call, or refuse it."""
        if self._limits.apply_to(connection):
            # Not by `enforce`: one frame less to be unwound for callers that do not stop.
            takes = self._takes_of(connection.remote)
            if wait_us := self._limits.known_wait_us(takes, connection, self._headers):
                raise self._limits.error(wait_us)
            await self._limits.take(takes, connection, self._headers)

    def _takes(self, remote: str | None) -> Takes:
        return Takes(
            Take(quota, ALL if by == "all" else address_identity(remote), cost)
            for quota, by, cost in self._limited
            if not callable(cost)
        )


def default_limits(settings: LimitsSettings) -> tuple[PlannedLimit, ...]:
    """Return the limits of actions without their own."""
    by = ANONYMOUS if settings.default_signed_in else "caller"
    rates = (
        (DEFAULT, settings.default, by),
        (DEFAULT_SIGNED_IN, settings.default_signed_in, "user"),
    )
    return tuple(
        PlannedLimit(Quota(name, rate.calls, rate.seconds, rate.calls, group=DEFAULT), callers, 1)
        for name, text, callers in rates
        if text
        for rate in [parse_rate(text)]
    )
