"""`Access`: decides whether a request for the page is from an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero_tasks.settings import TasksSettings
from actionhero_web import OperatorAccess, SignedTokens

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application

_COOKIE: Final = "actionhero_tasks"
_PURPOSE: Final = "actionhero.tasks.operator"


class Access:
    """Decides whether a request is from an operator.

    With `tasks.operator_password`, the request must have a token. Without a password, it must be
    from this machine in development; for all other clients, the page does not exist.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        settings = app.get(TasksSettings)
        #: The origin of requests, and the cookie.
        self.requests = OperatorAccess(app, _COOKIE)
        password = settings.operator_password
        self._password = None if password is None else password.get_secret_value()
        self._tokens = SignedTokens(
            _PURPOSE,
            app.secret_key,
            ttl_seconds=int(settings.operator_session.total_seconds()),
        )

    @property
    def has_password(self) -> bool:
        """Whether operators sign in with a password."""
        return self._password is not None

    def is_hidden(self, request: web.Request) -> bool:
        """Whether the page does not exist for this client."""
        return self._password is None and not self.requests.is_local(request)

    def is_signed_in(self, request: web.Request) -> bool:
        """Whether a request is from an operator, provided that the page is not hidden."""
        if self._password is None:
            return True
        token = self.requests.token(request)
        # The content is bound to the password: a change of it invalidates all tokens.
        return token is not None and self._tokens.read(token) == self._content(self._password)

    def verify_password(self, password: str) -> bool:
        """Return whether a password is correct, in constant time."""
        return self._password is not None and self._tokens.verify_password(password, self._password)

    def sign_in_cookie(self, request: web.Request) -> str:
        """Return the `Set-Cookie` header with a new token."""
        token = self._tokens.issue(self._content(self._password or ""))
        return self.requests.cookie(request, token, self._tokens.ttl_seconds)

    def sign_out_cookie(self, request: web.Request) -> str:
        """Return the `Set-Cookie` header that deletes the token."""
        return self.requests.cookie(request, "", 0)

    def _content(self, password: str) -> str:
        return self._tokens.digest(password).hex()
