"""`plan_limits`: the limits of all actions of an application, prepared when it loads."""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero_limits.limit import limits_of
from actionhero_limits.quota import Quota
from actionhero_limits.rate import parse_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actionhero import Application, Call
    from actionhero.transport import RegisteredAction
    from actionhero_limits.limit import By, Limit

#: The texts that `by` may be.
CALLERS: Final = ("caller", "user", "address", "all")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._@-]{0,99}", re.ASCII)


class PlannedLimit(NamedTuple):
    """One limit of an action."""

    quota: Quota
    #: The callers that share it, as `Limit.by`.
    by: str | Callable[[Call], object]
    cost: float | Callable[[Any], float]


@dataclass(frozen=True, slots=True)
class LimitPlans:
    """The limits of all actions, and the errors in their declarations."""

    #: By the name of the action; none for an action that is exempt from the default limit.
    by_action: dict[str, tuple[PlannedLimit, ...]]
    errors: list[str]


def plan_limits(app: Application, *, has_bursts: bool) -> LimitPlans:
    """Return the limits of the actions of an application.

    Args:
        app: The application.
        has_bursts: Whether the algorithm knows the burst of a limit; otherwise it has no effect.
    """
    declared: dict[str, list[PlannedLimit]] = {}
    errors: list[str] = []
    #: By the name of a limit: what callers of all its actions share, and the first of these.
    shared: dict[str, tuple[Quota, By, str]] = {}
    for action in app.actions:
        where = f"action {action.name!r} ({action.source}, {action.owner})"
        try:
            limits = limits_of(action)
        except (TypeError, ValueError) as error:
            errors.append(f"{where} has {error}")
            continue
        if limits is None:
            continue
        planned = declared[action.name] = []
        for limit, name in zip(limits, _names(action, limits), strict=True):
            limit_errors = list(_errors_in(limit, name))
            errors += [f"{where} has a limit with {error}" for error in limit_errors]
            if limit_errors:
                continue
            rate = parse_rate(limit.rate)
            burst = limit.burst if has_bursts else None
            quota = Quota(name, rate.calls, rate.seconds, burst or rate.calls)
            if any(other.quota.name == name for other in planned):
                errors.append(f"{where} has two limits with name = {name!r}; rename one")
                continue
            first = shared.setdefault(name, (quota, limit.by, where))
            if first[:2] != (quota, limit.by):
                errors.append(
                    f"{where} has the limit {name!r} with another rate, burst or by than "
                    f"{first[2]}; write the same limit in both, or rename one"
                )
            cost = limit.cost if callable(limit.cost) else checked_cost(quota, limit.cost)
            planned.append(PlannedLimit(quota, limit.by, cost))
    return LimitPlans(_grouped(declared), errors)


def checked_cost(quota: Quota, cost: Any) -> float:
    """Return the cost of a call, at most the whole quota.

    Raises:
        TypeError: The cost, such as that of a function, is not a number.
        ValueError: It is negative.
    """
    if not _is_number(cost):
        raise TypeError(f"the cost of limit {quota.name!r} is {cost!r}, which is not a number")
    if cost < 0:
        raise ValueError(f"the cost of limit {quota.name!r} is {cost!r}, which is below zero")
    return cost if cost < quota.burst else quota.burst


def _names(action: RegisteredAction, limits: tuple[Limit, ...]) -> Iterator[Any]:
    """Yield the name of each limit: its own, or that of the action, with a number from 2 on."""
    unnamed = 0
    for limit in limits:
        if limit.name is not None:
            yield limit.name
            continue
        unnamed += 1
        yield action.name if unnamed == 1 else f"{action.name}:{unnamed}"


def _errors_in(limit: Limit, name: Any) -> Iterator[str]:
    """Yield the errors in a limit, whose types were not checked."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield (
            f"name = {name!r}; use up to 100 ASCII letters, digits and ':._@-', a letter or digit "
            "first"
        )
    try:
        parse_rate(limit.rate)
    except (TypeError, ValueError) as error:
        yield f"rate = {limit.rate!r}: {error}"
    by: Any = limit.by
    if callable(by):
        if inspect.iscoroutinefunction(by):
            yield "a function 'by' that is async; write a plain function of the call"
    elif by not in CALLERS:
        available = ", ".join(map(repr, CALLERS))
        yield f"by = {by!r}; available: {available}, or a function of the call"
    cost: Any = limit.cost
    if callable(cost):
        if inspect.iscoroutinefunction(cost):
            yield "a function 'cost' that is async; write a plain function of the inputs"
    elif not _is_number(cost) or cost < 0:
        yield f"cost = {cost!r}; write a number from zero, or a function of the inputs"
    burst: Any = limit.burst
    if burst is not None and (type(burst) is not int or burst < 1):
        yield f"burst = {burst!r}; write a whole number from 1"


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _grouped(declared: dict[str, list[PlannedLimit]]) -> dict[str, tuple[PlannedLimit, ...]]:
    """Return the limits, those that are asked together with the same group."""
    groups: dict[str, str] = {}
    for limits in declared.values():
        names = [limit.quota.name for limit in limits]
        if len(names) < 2:
            continue
        joined = {*names, *(groups[name] for name in names if name in groups)}
        group = min(joined)
        groups |= {name: group for name, other in groups.items() if other in joined}
        groups |= dict.fromkeys(names, group)
    return {
        action: tuple(
            limit._replace(quota=limit.quota._replace(group=groups.get(limit.quota.name, "")))
            for limit in limits
        )
        for action, limits in declared.items()
    }
