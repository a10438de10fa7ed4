"""`RolePermissions`: the permissions of principals, by the roles of their users."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from actionhero import PermissionSource, Principal
from actionhero_auth.settings import AuthSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero import Application

#: An asynchronous function that returns the names of the roles of a principal.
RoleFunction: TypeAlias = Callable[[Principal], Awaitable[Iterable[str]]]

#: The method of principals that are identified by an API key.
API_KEY: str = "api_key"


class RolePermissions(PermissionSource):
    """The permissions of the roles of a principal.

    Credentials with scopes have only those permissions of their user that are among the scopes: an
    application that a user allows to read orders cannot act as the administrator that the user is.

    Args:
        roles: The permissions by role.
        users: The roles by user.
        functions: Functions that return further roles.
    """

    def __init__(
        self,
        roles: Mapping[str, Iterable[str]],
        users: Mapping[str, Sequence[str]],
        functions: Sequence[RoleFunction] = (),
    ) -> None:
        self._roles = {name: frozenset(permissions) for name, permissions in roles.items()}
        self._users = users
        self._functions = functions

    def of_roles(self, roles: Iterable[str]) -> frozenset[str]:
        """Return the permissions of roles; unknown ones have none."""
        return frozenset().union(*(self._roles.get(role, frozenset()) for role in roles))

    async def permissions_of(self, principal: Principal) -> frozenset[str]:
        """Return the permissions of a principal."""
        roles = [*self._users.get(principal.id, ())]
        for function in self._functions:
            roles += _names(await function(principal), function)
        permissions = self.of_roles(roles)
        if principal.scopes is not None:
            return permissions & principal.scopes
        return permissions


def _names(roles: Any, function: RoleFunction) -> Iterable[str]:
    """Return the roles of a function.

    Raises:
        TypeError: It returned something else than names; the letters of a text are no roles.
    """
    if isinstance(roles, str | bytes) or not isinstance(roles, Iterable):
        name = getattr(function, "__qualname__", type(function).__qualname__)
        raise TypeError(
            f"the function {name!r} of actionhero_auth_roles returned {type(roles).__name__!r}; "
            "return a list of names"
        )
    return roles


def role_permissions(app: Application) -> RolePermissions | None:
    """Return the permissions of roles; `None` if neither settings nor plugins have any."""
    settings = app.get(AuthSettings)
    functions = [function for _, function in app.plugins.collect("actionhero_auth_roles", app=app)]
    if not (settings.roles or functions):
        return None
    return RolePermissions(settings.roles, settings.users, functions)
