"""The scopes of API keys, and the roles of administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from actionhero import Requirement
from actionhero_chat.ops import users

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero import Call, Principal

#: The scopes of API keys; without any, a key can only read.
KeyScope = Literal["messages:write"]
WRITE_MESSAGES: Final[KeyScope] = "messages:write"
#: The permission to revoke the keys of other users.
REVOKE_KEYS: Final = "keys:revoke"
#: The role of the default user.
ADMIN: Final = "admin"


class SessionRequired(Requirement):
    """Requires a session, or the operator: stolen credentials must not create others."""

    requires_session = True

    @property
    def condition(self) -> str:
        return "a session, not an API key"

    async def is_met(self, call: Call) -> bool:
        return call.principal.method in {"session", "operator"}


class NoApiKey(SessionRequired):
    """Refuses API keys: a stolen one must not change the password of its user."""

    async def is_met(self, call: Call) -> bool:
        return not call.principal.is_anonymous and call.principal.method != "api_key"


async def roles_of(principal: Principal) -> Iterable[str]:
    """Return the roles of a user: the default user is an administrator."""
    admin = await users.find_default()
    return [ADMIN] if admin is not None and admin.id == principal.user else []
