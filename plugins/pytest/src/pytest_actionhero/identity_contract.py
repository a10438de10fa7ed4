"""The part of the contract suite for servers about the credentials of their clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import pytest

from actionhero import ErrorType
from pytest_actionhero.contract_tokens import READER, REVOKED, SCOPE, WRITER

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_actionhero.transport_client import TransportClient

UNKNOWN: Final = "contract-token-of-no-user"


class Refusal(NamedTuple):
    """One row of the table: credentials, and the error of a call with them."""

    name: str
    action: str
    token: str
    message: str
    type: ErrorType
    #: The parts of the challenge.
    challenge: tuple[str, ...]


_INVALID: Final = ('error="invalid_token"',)
_TOKENS: Final = (
    ("unknown token", UNKNOWN, "The credentials are not valid"),
    ("longer token", f"{WRITER}x", "The credentials are not valid"),
    ("revoked token", REVOKED, "The token is revoked"),
)
REFUSALS: Final = (
    *(
        Refusal(
            f"{name} for {action}",
            f"contract:{action}",
            token,
            message,
            ErrorType.SESSION_NOT_FOUND,
            _INVALID,
        )
        for action in ("guarded", "identity")
        for name, token, message in _TOKENS
    ),
    Refusal(
        "missing scope",
        "contract:guarded",
        READER,
        f"This action requires the scope {SCOPE!r}",
        ErrorType.FORBIDDEN,
        ('error="insufficient_scope"', f'scope="{SCOPE}"'),
    ),
)


@pytest.mark.asyncio
class IdentityContract:
    """The suite for credentials; part of `ServerContract`."""

    #: Whether responses have a challenge, as `WWW-Authenticate` of HTTP.
    has_challenges: ClassVar[bool] = True

    @pytest.mark.parametrize("refusal", REFUSALS, ids=lambda row: row.name.replace(" ", "-"))
    async def test_a_caller_is_refused_before_the_inputs_are_read(
        self, transport: TransportClient, refusal: Refusal, journal: Path
    ) -> None:
        """With the same error for valid and invalid inputs, and without the token."""
        for name in ("A", "Ada"):
            result = await transport.call_with_token(
                refusal.action, {"journal": str(journal), "name": name}, refusal.token
            )

            failure = result.failure
            _expect("message", failure and failure.message, refusal.message)
            _expect("type", failure and failure.type, refusal.type.value)
            _expect("problems", failure and failure.problems, ())
            if refusal.token in result.text + result.challenge:
                pytest.fail(f"the response contains the token: {result.text!r}", pytrace=False)
            for part in refusal.challenge if self.has_challenges else ():
                if part not in result.challenge:
                    pytest.fail(f"the challenge {result.challenge!r} has no {part}", pytrace=False)
        _expect("journal", _read(journal), "")

    async def test_credentials_identify_the_principal(
        self, transport: TransportClient, journal: Path
    ) -> None:
        """Of each call by itself, also of concurrent ones."""
        tokens = [WRITER, READER, WRITER, READER]
        inputs = {"journal": str(journal)}
        results = await asyncio.gather(
            *(transport.call_with_token("contract:identity", inputs, token) for token in tokens),
            transport.call("contract:identity", inputs),
        )

        ada = {"user": "ada", "scopes": [SCOPE], "method": "contract"}
        bob = {"user": "bob", "scopes": [], "method": "contract"}
        anonymous: dict[str, Any] = {"user": None, "scopes": [], "method": ""}
        _expect("principals", [item.value for item in results], [ada, bob, ada, bob, anonymous])

    async def test_a_principal_with_the_scope_is_authorized(
        self, transport: TransportClient, journal: Path
    ) -> None:
        """Its inputs are validated then."""
        inputs = {"journal": str(journal), "name": "Ada"}
        result = await transport.call_with_token("contract:guarded", inputs, WRITER)
        _expect("value", result.value, {"greeting": "Hello, Ada!"})

        invalid = await transport.call_with_token(
            "contract:guarded", {**inputs, "name": "A"}, WRITER
        )
        type_ = invalid.failure and invalid.failure.type
        _expect("type", type_, ErrorType.PARAM_REQUIRED.value)


def _read(journal: Path) -> str:
    return journal.read_text("utf-8") if journal.exists() else ""


def _expect(name: str, actual: Any, expected: Any) -> None:
    if actual != expected:
        pytest.fail(f"{name}:\n  expected {expected!r}\n  got      {actual!r}", pytrace=False)
