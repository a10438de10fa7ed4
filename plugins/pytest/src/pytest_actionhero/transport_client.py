"""`TransportClient`: a client of a tested server, and the results of its calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actionhero import Problem
from actionhero.transport import ABSENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from actionhero import TypedError


@dataclass(frozen=True)
class CallFailure:
    """The error of a call, decoded from the response."""

    message: str
    type: str
    key: str | None = None
    #: The value of the input `key`, or `ABSENT`.
    value: Any = ABSENT
    problems: tuple[Problem, ...] = ()

    @classmethod
    def from_error(cls, error: TypedError) -> CallFailure:
        """Return the failure for an error in the same process."""
        return cls(error.message, error.type.value, error.key, error.value, error.problems)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> CallFailure:
        """Return the failure in the JSON document `{"error": {...}}`."""
        error = document["error"]
        return cls(
            error["message"],
            error["type"],
            error.get("key"),
            error.get("value", ABSENT),
            tuple(
                Problem(problem["pointer"], problem["message"], problem["type"])
                for problem in error.get("errors", ())
            ),
        )


@dataclass(frozen=True)
class CallResult:
    """The result of a call: a value or a failure."""

    value: Any = None
    failure: CallFailure | None = None
    #: The complete response as text. The suite searches it for secrets and internals.
    text: str = field(default="", compare=False)
    #: The challenge of a refusal, as in `WWW-Authenticate`; empty: the response has none.
    challenge: str = field(default="", compare=False)


class TransportClient(ABC):
    """A client of the server. Implement one for your server."""

    @abstractmethod
    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        """Call `action`, and return the result. All inputs of the suite are text."""

    async def call_with_token(
        self, action: str, inputs: Mapping[str, str], token: str
    ) -> CallResult:
        """Call `action` with credentials of the scheme `bearer`, and return the result.

        Over HTTP they are in the header `Authorization`. A refusal of the credentials outside of
        the call, such as by a handshake, is its failure.
        """
        raise NotImplementedError(
            f"{type(self).__qualname__} has no call_with_token; write it, or inherit from "
            "TransportContract if clients of this transport send no credentials"
        )

    @abstractmethod
    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], started: Callable[[], Awaitable[None]]
    ) -> None:
        """Call `action`, await `started()`, and disconnect before the response.

        Depending on the transport: close the connection, cancel the request, press Ctrl-C.
        """
