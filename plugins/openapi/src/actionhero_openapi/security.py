"""`ApiSecurity`: the security schemes of an application, and the requirements of its actions."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, Final

from actionhero import Connection, Requirement, SignedIn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application, ErrorType, RequestHeader
    from actionhero.transport import RegisteredAction

#: The name of the security scheme of sessions.
SESSION_SCHEME: Final = "sessionCookie"
#: The name of the session cookie if the session store does not define one.
COOKIE_NAME: Final = "__session"


class ApiSecurity:
    """The credentials that clients have to send, for API documents.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._pipeline = app.pipeline
        self._schemes: dict[str, Mapping[str, Any]] = {}
        for authenticator in app.pipeline.authentication.authenticators:
            self._schemes |= authenticator.security_schemes()

    @property
    def reads_credentials(self) -> bool:
        """Whether clients may send credentials, which may be invalid for every action."""
        return bool(self._pipeline.authentication)

    def schemes(self, cookie: str) -> dict[str, Mapping[str, Any]]:
        """Return the security schemes by name, in the form of OpenAPI.

        Args:
            cookie: The name of the session cookie.
        """
        session = {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie,
            "description": "The session cookie, set by a sign-in. Browsers send it automatically.",
        }
        return {SESSION_SCHEME: session, **self._schemes}

    def of(self, action: RegisteredAction) -> list[dict[str, list[str]]]:
        """Return the alternatives of an action: schemes, and the scopes that they need.

        Returns:
            The alternatives; an empty list for a public action.
        """
        middleware = self._pipeline.middleware_of(action)
        guards = [item for item in middleware if getattr(item, "requires_session", False)]
        if not guards:
            return []
        required = [item for item in guards if isinstance(item, Requirement)]
        alternatives = functools.reduce(operator.and_, required, SignedIn()).alternatives()
        sessions: list[dict[str, list[str]]] = [{SESSION_SCHEME: []}]
        return sessions + [
            {name: sorted(scopes)} for scopes in alternatives for name in self._schemes
        ]

    def errors_of(self, action: RegisteredAction) -> set[ErrorType]:
        """Return the types of errors with which middleware refuses calls of an action."""
        layers = self._pipeline.middleware_of(action)
        return {error.default_type for item in layers for error in getattr(item, "errors", ())}

    def headers_of(self, action: RegisteredAction) -> list[RequestHeader]:
        """Return the headers that middleware reads in calls of an action."""
        layers = self._pipeline.middleware_of(action)
        return [header for item in layers for header in getattr(item, "request_headers", ())]

    def response_headers_of(self, action: RegisteredAction) -> dict[str, str]:
        """Return the descriptions of the headers that middleware adds to responses, by name."""
        return {
            name: description
            for item in self._pipeline.middleware_of(action)
            for name, description in getattr(item, "response_headers", {}).items()
        }

    def may_forbid(self, action: RegisteredAction) -> bool:
        """Return whether an action may refuse a signed-in user."""
        return any(
            isinstance(item, Requirement) and not isinstance(item, SignedIn)
            for item in self._pipeline.middleware_of(action)
        )


def session_cookie(app: Application, connection: Connection | None = None) -> str:
    """Return the name of the session cookie.

    Args:
        app: The application.
        connection: The client; the name may depend on its request.
    """
    # A session store need not use cookies.
    cookie_name = getattr(app.pipeline.session_store, "cookie_name", None)
    return COOKIE_NAME if cookie_name is None else str(cookie_name(connection or Connection("cli")))
