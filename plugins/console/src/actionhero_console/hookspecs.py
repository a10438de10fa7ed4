"""The hooks of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_console.operators import Account, OperatorSource
    from actionhero_console.panels import Panel


@hookspec
def actionhero_console_panels(app: Application) -> Sequence[Panel] | None:
    """Panels of the console.

    Called once, while the application is loaded, in every process. A plugin that does not depend
    on the console implements it with `@hookimpl(optionalhook=True)`.

    Args:
        app: The application; `app.get` returns settings, resources are not yet available.

    Returns:
        Panels. Two panels with the same name are an error that names both owners.

    Order:
        By `Panel.order`.

    Example:
        ```python
        @hookimpl(optionalhook=True)
        def actionhero_console_panels(app):
            from actionhero_console import Panel

            return [Panel("mails", "Mails", reads={"list": list_mails}, assets=ASSETS)]
        ```
    """


@hookspec
def actionhero_console_accounts(app: Application) -> Sequence[Account] | None:
    """Operators with a password, in addition to `console.operators`.

    Called once, while the application is loaded.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        Accounts. Two with the same name are an error.

    Order:
        The order of registration, which makes no difference.

    Example:
        ```python
        @hookimpl(optionalhook=True)
        def actionhero_console_accounts(app):
            from actionhero_console import Account

            return [Account("support", "viewer", password_hash=app.get(ShopSettings).support_hash)]
        ```
    """


@hookspec
def actionhero_console_operators(app: Application) -> Sequence[OperatorSource] | None:
    """Sources of operators, such as the application's own sign-in, or the header of a proxy.

    Called once, while the application is loaded. The sources are asked at each request, before
    the sign-in with a password.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        Sources.

    Order:
        The order of registration, the application last. The first source that knows the operator
        decides.

    Example:
        ```python
        @hookimpl
        def actionhero_console_operators(app):
            return [Employees(app)]
        ```
    """
