"""`Operator`, `Role`, and `OperatorSource`: the operators of the console."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web


class Role(StrEnum):
    """The role of an operator; each includes those before it."""

    #: Reads.
    VIEWER = "viewer"
    #: Reads, and changes the state of the application: jobs, sessions, limits.
    OPERATOR = "operator"
    #: Everything: calls of actions, messages of channels, the audit log.
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Return whether an operator with this role may do what `other` may."""
        roles = list(Role)
        return roles.index(self) >= roles.index(other)


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator who is signed in.

    Args:
        name: The name, which is in the audit log.
        role: The role.
        method: How the operator was identified: `password`, `local`, or that of an
            `OperatorSource`.
    """

    name: str
    role: Role
    method: str = "external"


class OperatorSource(ABC):
    """Identifies operators by something else than the console's own sign-in.

    See the hook `actionhero_console_operator`.
    """

    @abstractmethod
    async def operator_of(self, request: web.Request) -> Operator | None:
        """Return the operator who has sent a request; `None`: not an operator."""
