"""The hooks for applications and plugins that know the roles of users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_auth.roles import RoleFunction


@hookspec
def actionhero_auth_roles(app: Application) -> Sequence[RoleFunction] | None:
    """Functions that return the roles of a principal, such as from a column of its user.

    Called once, while the application is loaded. The permissions of roles are in `auth.roles`.

    Args:
        app: The application.

    Returns:
        Asynchronous functions of a `Principal`, never an anonymous one, that return the names of
        its roles. They are called by each check of a permission that the credentials do not state.
        A role without permissions in `auth.roles` has none.

    Order:
        The order of registration, which makes no difference: the roles of all functions, and those
        of `auth.users`, are combined.

    Example:
        ```python
        @hookimpl
        def actionhero_auth_roles(app):
            async def roles_of(principal):
                return ["staff"] if await is_employee(principal.user) else []

            return [roles_of]
        ```
    """
