"""`Operation`: the author's description of an action for the document. It imports no server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, PluginError, TypedError
from actionhero.transport import unknown_key

if TYPE_CHECKING:
    from actionhero.transport import RegisteredAction

_FORMS: Final = "Operation(deprecated=True), or a mapping such as {'deprecated': True}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Facts that an action's code does not show: `openapi = Operation(deprecated=True)`.

    A mapping with the same keys works too.

    Args:
        errors: The errors that the action and its middleware raise: subclasses of `TypedError`,
            or values of `ErrorType`. Errors of the server are always added. `None`: all errors.
        statuses: The success statuses, if the route computes the status from the result, or the
            action returns a response of aiohttp.
        examples: Example inputs by name.
        tags: The tags; by default the part of the action's name before the colon.
        deprecated: Whether the operation is deprecated.
        hidden: Whether the document omits the operation.
        media_types: The media types of a result with its own media type: a `Stream` of chunks, or
            a response of aiohttp.

    Raises:
        ValueError: An argument is invalid; the message names it.
    """

    errors: Sequence[type[TypedError] | ErrorType] | None = None
    statuses: Sequence[int] = ()
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tags: Sequence[str] | None = None
    deprecated: bool = False
    hidden: bool = False
    media_types: Sequence[str] = ()

    def __post_init__(self) -> None:
        for error in self.errors or ():
            is_class = isinstance(error, type) and issubclass(error, TypedError)
            if not is_class and not isinstance(error, ErrorType):
                raise ValueError(
                    f"errors contains {error!r}, which is neither a subclass of TypedError nor an "
                    "ErrorType; write errors=[NotFound]"
                )
        for status in self.statuses:
            if type(status) is not int or not 200 <= status <= 599:
                raise ValueError(f"the status {status!r} is not a number from 200 to 599")
        if isinstance(self.media_types, str) or not all("/" in item for item in self.media_types):
            raise ValueError(
                f"media_types are {self.media_types!r}; write a list such as ['text/csv']"
            )
        if self.tags is not None and (
            isinstance(self.tags, str) or not all(type(tag) is str for tag in self.tags)
        ):
            raise ValueError(f"tags are {self.tags!r}; write a list of strings")
        examples: Any = self.examples
        if not isinstance(examples, Mapping) or not all(
            isinstance(example, Mapping) for example in examples.values()
        ):
            raise ValueError(
                f"examples are {self.examples!r}; write inputs by name, as in "
                "{'a guest': {'name': 'Ada'}}"
            )

    @classmethod
    def parse(cls, value: object) -> Operation:
        """Return an operation from an `Operation` or from plain data.

        Raises:
            ValueError: The value is invalid; the message contains the fault.
        """
        if value is None:
            return cls()
        if isinstance(value, Operation):
            return value
        if not isinstance(value, Mapping):
            raise ValueError(f"it is of type {type(value).__name__!r}; write {_FORMS}")
        if fault := unknown_key(value, [each.name for each in fields(cls)]):
            raise ValueError(f"it has {fault}")
        return cls(**value)


def operation_of(action: RegisteredAction) -> Operation:
    """Return the attribute `openapi` of an action.

    Raises:
        PluginError: The attribute is invalid. The message names action and file.
    """
    try:
        return Operation.parse(action.attribute("openapi"))
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"action {action.name!r} ({action.source}, {action.owner}) has an invalid openapi: "
            f"{error}"
        ) from error


def operation_errors(actions: Iterable[RegisteredAction]) -> list[str]:
    """Return an error message for each action with an invalid attribute `openapi`."""
    errors = []
    for action in actions:
        try:
            operation_of(action)
        except PluginError as error:
            errors.append(str(error))
    return errors
