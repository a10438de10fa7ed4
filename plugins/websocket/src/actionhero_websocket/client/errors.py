"""The errors of the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero.transport import pointer_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class CallFailed(Exception):
    """Raised when the server answers with an error.

    Args:
        message: The message of the error.
        type: The type of the error, such as `CONNECTION_ACTION_NOT_FOUND`.
        key: The name of the invalid input.
        value: The value of the invalid input.
        document: The whole error document.
    """

    def __init__(
        self,
        message: str,
        type: str = "",
        key: str | None = None,
        value: Any = None,
        document: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type = type
        self.key = key
        self.value = value
        self.document = dict(document or {})

    @property
    def errors(self) -> list[dict[str, Any]]:
        """All problems of the inputs: objects with `pointer` (RFC 6901), `message` and `type`."""
        return list(self.document.get("errors", ()))

    @property
    def request_id(self) -> str | None:
        """The request id, by which the server logs the call."""
        return self.document.get("request_id")


class ConnectionLost(ConnectionError):
    """Raised when there is no answer: there is no connection, or it was lost.

    Args:
        message: The cause.
        sent: Whether the message was sent. If so, the action may have run or not.
        code: The close code (RFC 6455, section 7.4); `None` without a close frame.
        reason: The reason in the close frame.
        is_final: Whether the client makes no further attempt to connect.
    """

    def __init__(
        self,
        message: str,
        *,
        sent: bool = False,
        code: int | None = None,
        reason: str = "",
        is_final: bool = False,
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.code = code
        self.reason = reason
        self.is_final = is_final

    def copy(self, *, sent: bool) -> ConnectionLost:
        """Return the error of one call."""
        return ConnectionLost(
            str(self), sent=sent, code=self.code, reason=self.reason, is_final=self.is_final
        )


class InvalidInputs(ValueError):
    """Raised when inputs cannot be sent; nothing was sent.

    Args:
        location: The names and positions that lead to the value.
        reason: What is wrong with it.
    """

    def __init__(self, location: Iterable[Any], reason: str) -> None:
        #: The RFC 6901 pointer to the value; empty for the inputs as a whole.
        self.pointer = pointer_to(location)
        self.reason = reason
        place = f"input {self.pointer!r}" if self.pointer else "the inputs"
        super().__init__(f"{place} cannot be sent: {reason}")


class InvalidResult(ValueError):
    """Raised when a result does not match the expected type; the action has succeeded.

    Args:
        action: The name of the action.
        value: The result as the server has sent it, in JSON types.
        reason: What is wrong with it.
    """

    def __init__(self, action: str, value: Any, reason: str) -> None:
        super().__init__(f"the result of {action!r} does not match its type: {reason}")
        self.action = action
        self.value = value


class SubscriptionEnded(Exception):
    """Raised when the server has ended a subscription: its session has ended, or lost a permission.

    Args:
        channel: The name of the channel.
    """

    def __init__(self, channel: str) -> None:
        super().__init__(f"the server has ended the subscription to channel {channel!r}")
        self.channel = channel


def parse_error(document: Mapping[str, Any]) -> CallFailed:
    """Return the exception of an error document."""
    return CallFailed(
        document.get("message", ""),
        document.get("type", ""),
        document.get("key"),
        document.get("value"),
        document,
    )
