"""`RequireSession`: middleware that requires a signed-in user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Middleware, SignInRequired
from actionhero_sessions.settings import SessionsSettings

if TYPE_CHECKING:
    from actionhero import Call


class RequireSession(Middleware):
    """Rejects a call whose session has no user.

    Args:
        key: The session key that must have a value; by default the setting `user_key`.
    """

    requires_session = True

    def __init__(self, key: str | None = None) -> None:
        self._key = key

    async def authorize(self, call: Call) -> None:
        """Check the user, before the inputs are validated.

        Raises:
            SignInRequired: The session has no user.
        """
        key = self._key or call.get(SessionsSettings).user_key
        if call.session.get(key) is None:
            raise SignInRequired("Session not found")
