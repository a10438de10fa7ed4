"""The identities of callers: the text by which their calls are counted together."""

from __future__ import annotations

import inspect
import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from actionhero.transport import client_network, is_no_user, parse_ip_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actionhero import Call

#: The identity of all callers together.
ALL: Final = "all"
#: `Limit.by` of the default limit of callers that are not signed in.
ANONYMOUS: Final = "anonymous"


def address_identity(remote: str | None) -> str:
    """Return the identity of an address; clients without one share an identity.

    An IPv6 address stands for its network of 64 bits, an IPv4 address in IPv6 for itself.
    """
    return f"address:{client_network(remote)}"


def call_identity(by: str | Callable[[Call], object]) -> Callable[[Call, str], str | None]:
    """Return a function that returns the identity of a call.

    Args:
        by: The callers that share a limit, as `Limit.by`, or `ANONYMOUS`.

    Returns:
        A function of the call and of the session key of the user. It returns `None` for a call
        that is not limited.
    """
    if not callable(by):
        return _IDENTITIES[by]

    def identity(call: Call, user_key: str) -> str | None:
        value = by(call)
        return None if value is None else value_identity(value)

    return identity


def _user(call: Call, user_key: str) -> str | None:
    # Calls with credentials have a session with their user, too.
    user = call.session.get(user_key)
    return None if is_no_user(user) else f"user:{user}"


def _address(call: Call, user_key: str) -> str:
    return address_identity(call.connection.remote)


def _anonymous(call: Call, user_key: str) -> str | None:
    return _address(call, user_key) if _user(call, user_key) is None else None


def _caller(call: Call, user_key: str) -> str:
    return _user(call, user_key) or _address(call, user_key)


_IDENTITIES: Final[dict[str, Callable[[Call, str], str | None]]] = {
    "caller": _caller,
    "user": _user,
    "address": _address,
    "all": lambda call, user_key: ALL,
    ANONYMOUS: _anonymous,
}


def value_identity(value: object) -> str:
    """Return the identity of a value, such as one that a function has returned.

    Args:
        value: The value; `None` for all callers together.

    Raises:
        TypeError: Its text differs for each object, so that no call would be limited.
    """
    if value is None:
        return ALL
    if type(value).__repr__ is object.__repr__ or inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise TypeError(
            f"'by' of a limit is {type(value).__name__!r}; it must be a text or a number, the same "
            "for each call of a caller"
        )
    return f"value:{value}"


def address_filter(networks: Iterable[str]) -> Callable[[str | None], bool]:
    """Return a function that returns whether an address is in one of the networks.

    Raises:
        ValueError: An entry is neither an address nor a network.
    """
    parsed = [ipaddress.ip_network(item, strict=False) for item in networks]

    @lru_cache(maxsize=10_000)
    def contains(remote: str | None) -> bool:
        address = parse_ip_address(remote or "")
        return address is not None and any(address in network for network in parsed)

    return contains
