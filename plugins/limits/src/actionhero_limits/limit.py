"""`Limit`: a rate limit of an action, declared on the action."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from actionhero.transport import ABSENT, unknown_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Call
    from actionhero.transport import RegisteredAction

    #: The callers that share a limit.
    By: TypeAlias = Literal["caller", "user", "address", "all"] | Callable[[Call], object]

#: The attribute of an action that has its limits.
ATTRIBUTE: Final = "limit"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the calls of an action: `limit = Limit("30/minute")`.

    Args:
        rate: The calls per period: `5/second`, `100/hour`, `3/10minutes`.
        by: The callers that share the limit. `caller`: each signed-in user, and each address of
            callers that are not signed in. `user`: each signed-in user; other callers are not
            limited. `address`: each address, as `web.trusted_proxies` reports it, and each network
            of 64 bits in IPv6. `all`: all callers together. Or a function of the call that returns
            a value for each; `None`: this call is not limited.
        cost: How many calls a call counts as, or a function of its inputs. With zero, it is
            refused like others, and not counted.
        burst: How many calls are possible at once, after a pause. The number of the rate if
            omitted. The algorithm `sliding_window` has no bursts.
        name: The name, for clients and in the store; that of the action if omitted. Limits with
            the same name, of any actions, are one.
    """

    rate: str
    by: By = "caller"
    cost: float | Callable[[Any], float] = 1
    burst: int | None = None
    name: str | None = None


_FIELD_NAMES: Final = tuple(field.name for field in fields(Limit))


def limits_of(action: RegisteredAction) -> tuple[Limit, ...] | None:
    """Return the limits that an action declares.

    Returns:
        The limits; none for `limit = None`; `None` if the action has no attribute `limit`.

    Raises:
        ValueError: The declaration is invalid.
    """
    declared = getattr(action.type, ATTRIBUTE, ABSENT)
    if declared is ABSENT:
        return None
    if declared is None:
        return ()
    items = declared if isinstance(declared, list | tuple) else (declared,)
    return tuple(map(_limit, items))


def _limit(declared: Any) -> Limit:
    if isinstance(declared, Limit):
        return declared
    if isinstance(declared, str):
        return Limit(declared)
    if not isinstance(declared, dict) or "rate" not in declared:
        raise ValueError(
            f"limit = {declared!r}; write Limit('30/minute'), a rate, a dictionary of the "
            "arguments of Limit, a list of them, or None"
        )
    if fault := unknown_key(declared, _FIELD_NAMES):
        raise ValueError(f"a limit with {fault}")
    return Limit(**declared)
