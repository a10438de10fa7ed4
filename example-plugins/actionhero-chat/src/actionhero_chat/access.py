"""The scopes of API keys, and the permissions and the requirements of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from actionhero import Requirement

if TYPE_CHECKING:
    from actionhero import Call

#: The scopes of API keys; without any, a key can only read.
KeyScope = Literal["messages:write"]
WRITE_MESSAGES: Final[KeyScope] = "messages:write"
# The permissions of users are those of `auth.roles` and `auth.users`. No user has a role by its
# name or address: every user can take those.
#: The permission to revoke the keys of other users.
REVOKE_KEYS: Final = "keys:revoke"
#: The permission to delete messages.
DELETE_MESSAGES: Final = "messages:delete"
PERMISSIONS: Final = (REVOKE_KEYS, DELETE_MESSAGES)


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
