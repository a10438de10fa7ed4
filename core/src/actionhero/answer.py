"""`Answer`: the answer of a user to a question of an action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """The answer of a user to `Call.ask`."""

    #: The decision: `accept`, `decline`, or `cancel` if the user made none.
    action: Literal["accept", "decline", "cancel"]
    #: The validated value of an accepted question; otherwise `None`.
    value: Value | None = None

    @property
    def accepted(self) -> bool:
        """Whether the user has answered the question."""
        return self.action == "accept"
