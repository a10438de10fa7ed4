"""The identities of callers: the text by which their calls are counted together."""

from __future__ import annotations

import inspect
import ipaddress
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from actionhero.transport import client_network, dumps, is_no_user, parse_ip_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actionhero import Call

#: The identity of all callers together.
ALL: Final = "all"
#: `Limit.by` of the default limit of callers that are not signed in.
ANONYMOUS: Final = "anonymous"
#: The longest identity; processes store thousands of them, and clients choose some of the texts.
MAX_LENGTH: Final = 100
_DIGEST_BYTES: Final = 16


def digest_of(identity: str) -> str:
    """Return the digest of an identity: short, and without addresses and names of users."""
    content = identity.encode(errors="surrogatepass")
    return blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


def is_digest_of(text: str, identity: str) -> bool:
    """Return whether a text, perhaps an input with any characters, is the digest of an identity."""
    return compare_digest(digest_of(identity).encode(), text.encode(errors="replace"))


def address_identity(remote: str | None) -> str:
    """Return the identity of an address; clients without one share an identity.

    An IPv6 address stands for its network of 64 bits, an IPv4 address in IPv6 for itself.
    """
    return f"address:{client_network(remote)}"


def user_identity(user: object) -> str:
    """Return the identity of a user, a JSON value: the number 7 and the text "7" are two users."""
    return _shortened(f"user:{dumps(user).decode()}")


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
    return None if is_no_user(user) else user_identity(user)


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
    return _shortened(f"value:{value}")


def _shortened(identity: str) -> str:
    return identity if len(identity) <= MAX_LENGTH else f"digest:{digest_of(identity)}"


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
