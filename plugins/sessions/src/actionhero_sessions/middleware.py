"""`RequireSession`: the requirement of a signed-in user, as middleware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import SignedIn, SignInRequired
from actionhero.transport import is_no_user

if TYPE_CHECKING:
    from actionhero import Call


class RequireSession(SignedIn):
    """Refuses an anonymous caller, as `requires = SignedIn()` does, in the list of middleware.

    Args:
        key: A session key that must have a value, instead of any signed-in user.
    """

    def __init__(self, key: str | None = None) -> None:
        self._key = key

    async def is_met(self, call: Call) -> bool:
        """Return whether the caller is signed in."""
        if self._key is None:
            return await super().is_met(call)
        return not is_no_user(call.session.get(self._key))

    async def authorize(self, call: Call) -> None:
        """Check the caller, before the inputs are validated.

        Raises:
            SignInRequired: The caller is anonymous.
        """
        if not await self.is_met(call):
            raise SignInRequired
