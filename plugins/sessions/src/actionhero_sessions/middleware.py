"""`RequireSession`: refuses who has not signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Middleware, SignInRequired
from actionhero_sessions.settings import SessionsSettings

if TYPE_CHECKING:
    from actionhero import Call


class RequireSession(Middleware):
    """Refuses a call whose session has no user.

    Args:
        key: The key of the session that must have a value; the setting `user_key` where left out.
    """

    requires_session = True

    def __init__(self, key: str | None = None) -> None:
        self._key = key

    async def before(self, call: Call) -> None:
        """Look for the user.

        Raises:
            SignInRequired: There is none.
        """
        key = self._key or call.get(SessionsSettings).user_key
        if call.session.get(key) is None:
            raise SignInRequired("Session not found")
