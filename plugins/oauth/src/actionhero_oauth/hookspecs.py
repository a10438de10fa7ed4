"""The hooks for plugins that extend the authorization server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_oauth.clients import ConsentPolicy
    from actionhero_oauth.pages import PageTemplate
    from actionhero_oauth.resources import ProtectedResource


@hookspec
def actionhero_oauth_resources(app: Application) -> Sequence[ProtectedResource] | None:
    """Parts of the application that accept access tokens, besides its actions over HTTP.

    Called once, while the application starts.

    Args:
        app: The application.

    Returns:
        Resources. The actions over HTTP, WebSocket and server-sent events are one already.

    Order:
        The order of registration. The first resource is the default of requests that name none.

    Example:
        ```python
        @hookimpl(optionalhook=True)
        def actionhero_oauth_resources(app):
            return [ProtectedResource("/mcp", frozenset({"mcp"}))]
        ```
    """


@hookspec
def actionhero_oauth_consent(app: Application) -> Sequence[ConsentPolicy] | None:
    """Policies of the scopes that users may grant.

    Called once, while the application starts.

    Args:
        app: The application.

    Returns:
        Functions of the user, the client and the requested scopes, `async` or not. Each returns
        the scopes that remain. `Forbidden` refuses the request with its message.

    Order:
        The order of registration; each gets the scopes that the one before has left.

    Example:
        ```python
        def only_admins_write(user, client, scopes):
            return scopes if user in ADMINS else scopes - {"messages:write"}


        @hookimpl
        def actionhero_oauth_consent(app):
            return [only_admins_write]
        ```
    """


@hookspec
def actionhero_oauth_pages(app: Application) -> Sequence[PageTemplate] | None:
    """Templates in place of the pages: `sign_in`, `sign_up`, `consent`, `connections`, `error`.

    Called once, when the aiohttp application is built.

    Args:
        app: The application.

    Returns:
        Templates of `string.Template`. Those of the package, in its folder `assets`, have the same
        placeholders. Values are escaped.

    Order:
        The order of registration; a later one replaces an earlier one.

    Example:
        ```python
        @hookimpl
        def actionhero_oauth_pages():
            return [PageTemplate("consent", (FOLDER / "consent.html").read_text())]
        ```
    """
