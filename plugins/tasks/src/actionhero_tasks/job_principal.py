"""The principal of a job: that of the call that enqueued it, as its message contains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from actionhero import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable


def grants_of(principal: Principal) -> dict[str, Any] | None:
    """Return the limits and permissions of a principal, and its credentials, for a message.

    Returns:
        A JSON object; `None` for a person without limits, such as one with a session.
    """
    grants: dict[str, Any] = {}
    if principal.kind != "user":
        grants["kind"] = principal.kind
    if principal.scopes is not None:
        grants["scopes"] = sorted(principal.scopes)
    if principal.permissions:
        grants["permissions"] = sorted(principal.permissions)
    if principal.credential_id:
        grants["credential_id"] = principal.credential_id
    return grants or None


def principal_of(user: Any, grants: Any) -> Principal | None:
    """Return the principal of a job; `None` if a call without a user has enqueued it.

    Args:
        user: The user.
        grants: The result of `grants_of`.

    Raises:
        ValueError: The grants are malformed. They must not become a principal without limits.
    """
    if user is None:
        return None
    if grants is None:
        return Principal(user, method="job")
    if not isinstance(grants, Mapping):
        raise ValueError("the principal is no object")
    scopes = grants.get("scopes")
    return Principal(
        user,
        str(grants.get("kind", "user")),
        None if scopes is None else _texts(scopes),
        _texts(grants.get("permissions", ())),
        method="job",
        credential_id=str(grants.get("credential_id", "")),
    )


def _texts(values: Iterable[Any]) -> frozenset[str]:
    if not isinstance(values, list | tuple) or not all(isinstance(item, str) for item in values):
        raise ValueError("the scopes or permissions are no list of texts")
    return frozenset(values)
