"""`Operator`, `Role`, `Account` and `OperatorSource`: the operators of the console."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from actionhero.transport import name_hint
from actionhero_console.passwords import is_hash, verify_password
from actionhero_console.settings import ConsoleSettings

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application


class Role(StrEnum):
    """The role of an operator; each includes those before it."""

    #: Reads.
    VIEWER = "viewer"
    #: Reads, and changes the state of the application: jobs, sessions, limits.
    OPERATOR = "operator"
    #: Everything: calls of actions, messages of channels, the audit log.
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Return whether it permits everything that `other` permits."""
        roles = list(Role)
        return roles.index(self) >= roles.index(other)


@dataclass(frozen=True, slots=True)
class Operator:
    """A signed-in operator.

    Args:
        name: The name, which is in the audit log.
        role: The role.
        method: How the operator was identified: `password`, `local`, or that of an
            `OperatorSource`.
    """

    name: str
    role: Role
    method: str = "external"


@dataclass(frozen=True, slots=True)
class Account:
    """An operator with a password: by the settings, or by a plugin.

    Args:
        name: The name of the operator.
        role: The role.
        password: The password; empty with a hash.
        password_hash: The hash, by `actionhero console password`.
    """

    name: str
    role: str = Role.VIEWER
    password: str = field(default="", repr=False)
    password_hash: str = field(default="", repr=False)

    @property
    def binding(self) -> str:
        """A text that changes with the role and the password."""
        return f"{self.role}\0{self.password_hash}\0{self.password}"

    def has_password(self, password: str) -> bool:
        """Return whether a password is correct. Call it in a thread."""
        return bool(self.password_hash) and verify_password(password, self.password_hash)


class OperatorSource(ABC):
    """Identifies operators otherwise than the console's own sign-in.

    See the hook `actionhero_console_operators`.
    """

    @abstractmethod
    async def operator_of(self, request: web.Request) -> Operator | None:
        """Return the operator of a request; `None`: not an operator."""


def accounts_of(app: Application) -> tuple[dict[str, Account], list[str]]:
    """Return the accounts by name, of the settings and of plugins, and the errors in them."""
    settings = app.get(ConsoleSettings)
    accounts = {
        item.name: Account(
            item.name, item.role, password_hash=item.password_hash.get_secret_value()
        )
        for item in settings.operators
    }
    problems: list[str] = []
    if settings.password is not None:
        if "admin" in accounts:
            problems.append(
                "console.password is that of the operator 'admin', and console.operators has an "
                "operator 'admin', too; remove one of them"
            )
        password = settings.password.get_secret_value()
        accounts.setdefault("admin", Account("admin", Role.ADMIN, password=password))
    for plugin, account in app.plugins.collect("actionhero_console_accounts", Account, app=app):
        if fault := _fault_of(account):
            problems.append(
                f"{plugin.owner} has the operator {account.name!r} of the console {fault}"
            )
            continue
        if account.name in accounts:
            problems.append(
                f"{plugin.owner} has an operator {account.name!r} of the console, but there is one "
                "already; rename the one in console.operators"
            )
        accounts.setdefault(account.name, account)
    return accounts, problems


def _fault_of(account: Account) -> str | None:
    """Return the fault of an account of a plugin, which no settings have checked."""
    if not account.name:
        return "without a name"
    if account.role not in list(Role):
        return f"with the unknown role {account.role!r}; {name_hint(account.role, Role)}"
    if bool(account.password) == bool(account.password_hash):
        return "with a password and a hash of one, or with neither; set one of them"
    if account.password_hash and not is_hash(account.password_hash):
        return "with an invalid hash; make it by `actionhero console password`"
    return None


def sources_of(app: Application) -> list[OperatorSource]:
    """Return the sources of operators of plugins."""
    contributions = app.plugins.collect("actionhero_console_operators", OperatorSource, app=app)
    return [source for _, source in contributions]
