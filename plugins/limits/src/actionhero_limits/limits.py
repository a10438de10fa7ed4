"""`Limits`: counts calls, and refuses those that exceed a limit."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from actionhero import Instrument, RateLimited, SessionStore
from actionhero_limits import gcra, sliding_window
from actionhero_limits.check_counts import CAPACITY, CheckCounts
from actionhero_limits.identity import address_filter, value_identity
from actionhero_limits.outage import Outage, is_transient
from actionhero_limits.plans import checked_cost
from actionhero_limits.quota import Quota, Take, Takes
from actionhero_limits.rate import parse_rate
from actionhero_limits.refusals import Refusals
from actionhero_limits.settings import LimitsSettings
from actionhero_limits.store import LocalStore, RedisStore
from actionhero_redis import RedisClients

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actionhero import Application, Connection
    from actionhero_limits.headers import HeaderStyle, LimitHeaders
    from actionhero_limits.store import Store

#: The transport whose responses have headers.
_HTTP: Final = "web"
#: The results of checks: the call is made, or refused, or the store could not be reached.
ALLOWED: Final = "allowed"
REFUSED: Final = "refused"
UNAVAILABLE: Final = "unavailable"
#: The transport of tests, which is limited like those of clients.
_TEST: Final = "test"


class Limits:
    """Counts calls: `call.get(Limits)`.

    Args:
        settings: The settings.
        enabled: Whether calls are limited.
        legacy: Whether clients expect the errors, headers and counts of the original ActionHero.
        clients: Returns Redis, once it is available.
    """

    def __init__(
        self,
        settings: LimitsSettings,
        *,
        enabled: bool,
        legacy: bool,
        clients: Callable[[], RedisClients],
    ) -> None:
        #: Whether calls are limited.
        self.enabled = enabled
        #: Whether clients expect the errors, headers and counts of the original ActionHero.
        self.legacy = legacy
        #: The session key of the user.
        self.user_key = SessionStore.user_key
        #: The headers of responses.
        self.header_style: HeaderStyle = settings.headers or ("legacy" if legacy else "standard")
        #: Whether the algorithm knows the burst of a limit.
        self.has_bursts = not uses_sliding_window(settings, legacy=legacy)
        algorithm = gcra if self.has_bursts else sliding_window
        #: Where calls are counted.
        self.store: Store = (
            RedisStore(clients, algorithm) if settings.store == "redis" else LocalStore(algorithm)
        )
        #: The refused callers of this process. The sliding window counts refused calls as well.
        self.refusals = Refusals() if self.has_bursts else None
        #: Counts checks, while metrics are recorded.
        self.checks = Instrument(
            "actionhero.limit.checks",
            "counter",
            description="Checks of limits.",
            labels=("limit", "result"),
        )
        #: The results of checks in this process, while metrics are recorded.
        self.counts = CheckCounts()
        #: The limits that are declared, or were checked, by name.
        self._quotas: dict[str, Quota] = {}
        self._outage = Outage(refuses=settings.on_failure == "refuse")
        self._transports = frozenset((*settings.transports, _TEST))
        self._is_exempt = address_filter(settings.exempt) if settings.exempt else None

    def apply_to(self, connection: Connection) -> bool:
        """Return whether the calls of a connection are limited."""
        if connection.transport not in self._transports:
            return False
        return self._is_exempt is None or not self._is_exempt(connection.remote)

    def declare(self, quota: Quota) -> None:
        """Let `check` count operations of a limit together with the calls of actions."""
        self._quotas[quota.name] = quota

    async def check(
        self,
        name: str,
        *,
        rate: str,
        by: object = None,
        cost: float = 1,
        burst: int | None = None,
    ) -> None:
        """Count an operation inside an action, over any transport, or refuse it.

        ```python
        await call.get(Limits).check("sms", by=inputs.phone, rate="3/10minutes")
        ```

        Args:
            name: The name of the limit, for clients and in the store.
            rate: The operations per period, as in `Limit`; always the same for one name.
            by: The value for each of which operations are counted; all together if omitted.
            cost: How many operations it counts as. Zero asks whether one is possible.
            burst: How many operations are possible at once; the number of the rate if omitted.

        Raises:
            RateLimited: The limit is exceeded.
            ServiceUnavailable: The store cannot be reached, and `limits.on_failure` is `refuse`.
            ValueError: The rate, the cost or the burst is invalid; or the rate or the burst is not
                that of an action, or of another check, with the limit of this name.
            TypeError: The cost is not a number, or the text of `by` differs for each object.
        """
        calls, seconds = parse_rate(rate)
        if burst is not None and burst < 1:
            raise ValueError(f"the burst of limit {name!r} is {burst!r}, which is below one")
        quota = self._known(
            Quota(name, calls, seconds, (burst if self.has_bursts else None) or calls)
        )
        take = Take(quota, value_identity(by), checked_cost(quota, cost))
        if self.enabled:
            await self.enforce(Takes([take]))

    def _known(self, quota: Quota) -> Quota:
        """Return the quota of this name; it counts by its rate, so another one would change it."""
        if len(self._quotas) < CAPACITY:
            known = self._quotas.setdefault(quota.name, quota)
        else:
            known = self._quotas.get(quota.name, quota)
        if known._replace(group="") != quota:
            raise ValueError(
                f"limit {quota.name!r} is {_text_of(quota)} here, and {_text_of(known)} elsewhere; "
                "write the same in both places, or use another name"
            )
        return known

    def enforce(
        self,
        takes: Takes,
        connection: Connection | None = None,
        headers: LimitHeaders | None = None,
    ) -> Awaitable[None]:
        """Count a call in all quotas, or refuse it.

        Args:
            takes: The requests; at least one.
            connection: The client.
            headers: The headers that its response gets, over HTTP.

        Raises:
            RateLimited: A quota is exceeded. The call is counted in none of them.
            ServiceUnavailable: The store cannot be reached, and calls are refused then.
        """
        if wait_us := self.known_wait_us(takes, connection, headers):
            raise self.error(wait_us)
        return self.take(takes, connection, headers)

    def known_wait_us(
        self,
        takes: Takes,
        connection: Connection | None = None,
        headers: LimitHeaders | None = None,
    ) -> int:
        """Return after how many microseconds a caller may call again that is refused already.

        For callers that do not stop: the store is not asked. The call is recorded, and its
        response gets the headers.

        Args:
            takes: The requests; at least one.
            connection: The client.
            headers: The headers that its response gets, over HTTP.

        Returns:
            The time; 0 if the store has to be asked.
        """
        if self.refusals is None or (refused := self.refusals.find(takes)) is None:
            return 0
        take, state, now_us = refused
        if self.checks.record is not None:
            self._record(takes, REFUSED)
        if headers is not None and connection is not None and connection.transport == _HTTP:
            headers.add(connection, (take,), (state,), now_us)
        # A call that is recorded as refused is refused.
        return state[1] or 1

    async def take(
        self,
        takes: Takes,
        connection: Connection | None,
        headers: LimitHeaders | None,
    ) -> None:
        """Ask the store, as `enforce` does unless the refusal of the caller is known."""
        outage = self._outage
        if outage.has_begun and not outage.begin_attempt():
            self._record(takes, UNAVAILABLE)
            return
        try:
            states, now_us = await self.store.take(takes)
        except Exception as error:
            if not is_transient(error):
                raise
            self._record(takes, UNAVAILABLE)
            outage.failed(error)
            return
        if outage.has_begun:
            outage.succeeded()
        if headers is not None and connection is not None and connection.transport == _HTTP:
            headers.add(connection, takes, states, now_us)
        wait_us = states[0].wait_us if len(states) == 1 else max(state.wait_us for state in states)
        self._record(takes, REFUSED if wait_us else ALLOWED)
        refusals = self.refusals
        if not wait_us:
            if refusals is not None:
                refusals.discard(takes)
            return
        if refusals is not None:
            for take, state in zip(takes, states, strict=True):
                if state.wait_us:
                    refusals.add(take, state, now_us)
        raise self.error(wait_us)

    def _record(self, takes: Sequence[Take], result: str) -> None:
        record = self.checks.record
        if record is not None:
            for take in takes:
                record(1, take.quota.name, result)
                self.counts.add(take.quota.name, result)

    def error(self, wait_us: int) -> RateLimited:
        """Return the error of a caller that may call again after this time."""
        seconds = -(-wait_us // 1_000_000) or 1
        return RateLimited(_message(seconds, self.legacy), retry_after_seconds=seconds)


# A caller that does not stop gets the same text often in one second.
@lru_cache(1000)
def _message(seconds: int, legacy: bool) -> str:
    if legacy:
        return f"Rate limit exceeded. Try again in {seconds} seconds."
    return f"Too many requests. Try again in {seconds} s."


def _text_of(quota: Quota) -> str:
    return f"{quota.calls} per {quota.seconds} s with burst {quota.burst}"


def uses_sliding_window(settings: LimitsSettings, *, legacy: bool) -> bool:
    """Return whether the algorithm is the sliding window."""
    return settings.algorithm == "sliding_window" or (settings.algorithm is None and legacy)


def web_setting(app: Application, key: str, default: Any) -> Any:
    """Return a setting of the HTTP server; this package does not depend on `actionhero-web`."""
    return getattr(app.settings.find("web"), key, default)


def limits_for(app: Application) -> Limits:
    """Return the limits of an application, and provide them to its actions."""
    if app.has(Limits):
        return app.get(Limits)
    settings = app.get(LimitsSettings)
    enabled = settings.enabled
    limits = Limits(
        settings,
        enabled=app.environment != "test" if enabled is None else enabled,
        legacy=web_setting(app, "error_format", "standard") == "actionhero",
        clients=lambda: app.get(RedisClients),
    )
    app.provide(Limits, limits)
    return limits
