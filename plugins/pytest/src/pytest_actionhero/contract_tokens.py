"""The credentials of the contract suite for servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import Authenticator, Credentials, CredentialsRefused, Principal

if TYPE_CHECKING:
    from actionhero import Connection

#: The scope that `contract:guarded` requires.
SCOPE = "contract"
#: The tokens of two users, with and without the scope, and one that is revoked.
WRITER = "contract-token-of-ada"
READER = "contract-token-of-bob"
REVOKED = "contract-token-of-carl"


class ContractTokens(Authenticator):
    """Identifies the owners of the tokens."""

    schemes = ("bearer",)
    challenge = "Bearer"

    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        """Return the principal of a token."""
        if credentials.token == REVOKED:
            raise CredentialsRefused("The token is revoked", reason="revoked", user="carl")
        if credentials.token == WRITER:
            return Principal("ada", scopes=frozenset({SCOPE}), method="contract")
        if credentials.token == READER:
            return Principal("bob", scopes=frozenset(), method="contract")
        return None
