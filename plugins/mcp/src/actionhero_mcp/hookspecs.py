"""The hooks for plugins that extend the endpoint for agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import hookspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from actionhero import Application, Principal

    #: Of the principal, and the registered action.
    Visibility: TypeAlias = Callable[[Principal | None, Any], bool]


@hookspec
def actionhero_mcp_visible(app: Application) -> Sequence[Visibility] | None:
    """Functions that hide tools, resources and prompts from lists.

    Called once, when the endpoint is created. Hidden actions can still be called, if their
    requirements are met. With any such function, clients keep lists for one caller only.

    Args:
        app: The application.

    Returns:
        Functions of the principal, which is `None` without credentials, and of the registered
        action, that return whether the action is listed.

    Order:
        Plugins in the order of their registration. All functions must agree.

    Example:
        ```python
        @hookimpl
        def actionhero_mcp_visible():
            return [lambda principal, action: not action.name.startswith("admin:")]
        ```
    """
