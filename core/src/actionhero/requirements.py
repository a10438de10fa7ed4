"""Requirements of the caller: `requires = SignedIn() & Scope("messages:write")`."""

from __future__ import annotations

import functools
import inspect
import itertools
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from actionhero.errors import Forbidden, SignInRequired
from actionhero.identity.decision import decision
from actionhero.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero.call import Call

    Check: TypeAlias = Callable[[Call], bool | Awaitable[bool]]

#: The sets of scopes each of which is enough.
Alternatives: TypeAlias = "tuple[frozenset[str], ...]"


class Requirement(Middleware):
    """A condition on the caller, in `requires` of an action or of a group of routes.

    It is checked before the inputs are validated, on every transport. `a & b` requires both,
    `a | b` one of them; either side may be a function of the call that returns whether it is met.
    """

    requires_session = True

    @abstractmethod
    async def is_met(self, call: Call) -> bool:
        """Return whether the caller meets the condition."""

    @property
    @abstractmethod
    def condition(self) -> str:
        """The condition in an error message: `the scope 'messages:write'`."""

    def alternatives(self) -> Alternatives:
        """Return the sets of scopes each of which is enough, for API documents."""
        return (frozenset(),)

    async def authorize(self, call: Call) -> None:
        """Check the caller.

        Raises:
            SignInRequired: The caller is anonymous.
            Forbidden: The caller does not meet the condition.
        """
        if await _decision_of(self, call):
            return
        if call.principal.is_anonymous:
            raise SignInRequired
        raise Forbidden(f"This action requires {self.condition}", challenge=self._challenge(call))

    def _challenge(self, call: Call) -> dict[str, str] | None:
        """Return the scopes to ask for; `None` if more scopes would not help."""
        for scopes in self.alternatives():
            if not all(map(call.principal.has_scope, scopes)):
                return {"error": "insufficient_scope", "scope": " ".join(sorted(scopes))}
        return None

    def __and__(self, other: Requirement | Check) -> Requirement:
        return AllOf(self, _operand(other))

    def __rand__(self, other: Check) -> Requirement:
        return AllOf(_operand(other), self)

    def __or__(self, other: Requirement | Check) -> Requirement:
        return AnyOf(self, _operand(other))

    def __ror__(self, other: Check) -> Requirement:
        return AnyOf(_operand(other), self)

    def __bool__(self) -> bool:
        # `Scope("a") and Scope("b")` would be the second of them alone.
        raise TypeError(
            f"{self!r} is not true or false; combine requirements by '&' and '|', not by 'and', "
            "'or' and 'not', and check one in a function by 'await requirement.is_met(call)'"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.condition}>"


class SignedIn(Requirement):
    """Requires any caller who is not anonymous: a session, an API key or a token."""

    @property
    def condition(self) -> str:
        return "a signed-in user"

    async def is_met(self, call: Call) -> bool:
        return not call.principal.is_anonymous

    async def authorize(self, call: Call) -> None:
        if call.principal.is_anonymous:
            raise SignInRequired


class Scope(Requirement):
    r"""Requires credentials with a scope. Credentials without scopes, as a session, have all.

    Args:
        name: The scope, such as `messages:write`: visible ASCII characters but `"` and `\`.

    Raises:
        ValueError: The name is invalid (RFC 6749 §3.3).
    """

    def __init__(self, name: str) -> None:
        if not name or any(not "!" <= character <= "~" or character in '"\\' for character in name):
            raise ValueError(
                f"{name!r} is no scope; use visible ASCII characters but quotation marks and "
                "backslashes, as in 'messages:write'"
            )
        self.name = name

    @property
    def condition(self) -> str:
        return f"the scope {self.name!r}"

    def alternatives(self) -> Alternatives:
        return (frozenset({self.name}),)

    async def is_met(self, call: Call) -> bool:
        return call.principal.has_scope(self.name)


class Permission(Requirement):
    """Requires a caller with a permission: see `Call.has_permission`.

    Args:
        name: The permission, such as `admin`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def condition(self) -> str:
        return f"the permission {self.name!r}"

    async def is_met(self, call: Call) -> bool:
        return await call.has_permission(self.name)


class Predicate(Requirement):
    """Requires that a function of the call returns a true value.

    Args:
        function: The function, perhaps asynchronous. It may raise a `TypedError` of its own.
    """

    def __init__(self, function: Check) -> None:
        self.function = function

    @property
    def condition(self) -> str:
        function = self.function
        while isinstance(function, functools.partial):
            function = function.func
        name: str = getattr(function, "__name__", type(function).__name__)
        return "another permission" if name == "<lambda>" else name.strip("_").replace("_", " ")

    async def is_met(self, call: Call) -> bool:
        met = self.function(call)
        result: bool = await met if inspect.isawaitable(met) else met
        return result


class _Combined(Requirement):
    """Requirements that are combined.

    Args:
        parts: The requirements, in the order in which they are checked.
    """

    parts: tuple[Requirement, ...]
    #: The word between the conditions.
    _conjunction: ClassVar[str]

    @property
    def condition(self) -> str:
        return f" {self._conjunction} ".join(
            f"({part.condition})" if isinstance(part, _Combined) else part.condition
            for part in self.parts
        )

    def __init__(self, *parts: Requirement) -> None:
        # `a & b & c` is one requirement of three parts.
        self.parts = tuple(
            inner
            for part in parts
            for inner in (part.parts if isinstance(part, type(self)) else (part,))
        )


class AllOf(_Combined):
    """Requires all of its parts: `a & b`."""

    _conjunction = "and"

    def alternatives(self) -> Alternatives:
        choices = itertools.product(*(part.alternatives() for part in self.parts))
        return tuple(dict.fromkeys(frozenset().union(*choice) for choice in choices))

    async def is_met(self, call: Call) -> bool:
        for part in self.parts:
            if not await _decision_of(part, call):
                return False
        return True


class AnyOf(_Combined):
    """Requires one of its parts: `a | b`.

    A part that refuses the caller by an error of its own is not met; that error is raised if none
    of the others is met.
    """

    _conjunction = "or"

    def alternatives(self) -> Alternatives:
        return tuple(dict.fromkeys(choice for part in self.parts for choice in part.alternatives()))

    async def is_met(self, call: Call) -> bool:
        refusal: SignInRequired | Forbidden | None = None
        for part in self.parts:
            try:
                if await _decision_of(part, call):
                    return True
            except (SignInRequired, Forbidden) as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal
        return False


async def _decision_of(requirement: Requirement, call: Call) -> bool:
    """Return whether a requirement is met.

    Raises:
        TypeError: The result is no decision.
    """
    met = await requirement.is_met(call)
    try:
        return decision(met)
    except TypeError as error:
        raise TypeError(
            f"{requirement!r}, which action {call.action.name!r} requires, {error}"
        ) from None


def requirement_of(value: Any) -> Any:
    """Return a function as a requirement, and anything else as it is."""
    is_function = inspect.isroutine(value) or isinstance(value, functools.partial)
    return Predicate(value) if is_function else value


def unenforced(value: Any, types: tuple[type, ...]) -> str:
    """Return why an item of `requires` is not enforced, and the remedy, for an error message.

    Args:
        value: The item.
        types: The classes of enforced requirements.
    """
    if isinstance(value, type) and issubclass(value, types):
        return f"which is a class; create the requirement, as in {value.__name__}(…)"
    if value is None or isinstance(value, bool | int | float | str | bytes):
        # A name of a scope, or the attempt to state that there is no requirement.
        example = f"Scope({value!r})" if isinstance(value, str) and value else "SignedIn()"
        return f"which is no requirement; write one, such as {example}, or remove it"
    known = ", ".join(type_.__name__ for type_ in (types[0], *sorted(types[1:], key=str)))
    return (
        "which no plugin enforces; install or enable the plugin of this requirement, or remove it "
        f"(enforced: instances of {known})"
    )


def _operand(value: Any) -> Requirement:
    """Return an operand of `&` or `|` as a requirement.

    Raises:
        TypeError: It is neither a requirement nor a function.
    """
    if isinstance(value, Requirement):
        return value
    if callable(value) and not isinstance(value, type):
        return Predicate(value)
    hint = f"create it, as in {value.__name__}(…)" if isinstance(value, type) else "write one"
    raise TypeError(f"{value!r} is neither a requirement nor a function of the call; {hint}")
