"""What an author says of an action for documents of the API: `Operation`. It imports no server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, PluginError, TypedError

if TYPE_CHECKING:
    from actionhero.transport import RegisteredAction

_FORMS: Final = "Operation(deprecated=True), or a mapping such as {'deprecated': True}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What cannot be read off an action: `openapi = Operation(deprecated=True)`, or a mapping.

    Args:
        errors: What the action and its middleware may raise: subclasses of `TypedError`, or
            values of `ErrorType`. What the server itself may answer is always added. `None`:
            whatever an action may be refused with.
        statuses: Of a success, where the route chooses by the value.
        examples: Inputs by a name for each.
        tags: In place of the text before the colon of the action's name.
        deprecated: Whether nobody should begin to use it.
        hidden: Whether it is left out of the document.

    Raises:
        ValueError: One of them is wrong; the message says what.
    """

    errors: Sequence[type[TypedError] | ErrorType] | None = None
    statuses: Sequence[int] = ()
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tags: Sequence[str] | None = None
    deprecated: bool = False
    hidden: bool = False

    def __post_init__(self) -> None:
        for error in self.errors or ():
            is_class = isinstance(error, type) and issubclass(error, TypedError)
            if not is_class and not isinstance(error, ErrorType):
                raise ValueError(
                    f"{error!r} stands among the errors, and is neither a subclass of TypedError "
                    "nor an ErrorType; write errors=[NotFound]"
                )
        for status in self.statuses:
            if type(status) is not int or not 200 <= status <= 599:
                raise ValueError(f"the status {status!r} is not a number from 200 to 599")
        if self.tags is not None and (
            isinstance(self.tags, str) or not all(type(tag) is str for tag in self.tags)
        ):
            raise ValueError(f"tags are {self.tags!r}; write a list of texts")
        examples: Any = self.examples
        if not isinstance(examples, Mapping) or not all(
            isinstance(example, Mapping) for example in examples.values()
        ):
            raise ValueError(
                f"examples are {self.examples!r}; write inputs by a name for each, as in "
                "{'a guest': {'name': 'Ada'}}"
            )

    @classmethod
    def parse(cls, value: object) -> Operation:
        """Return what an author wrote, as `Operation` or as plain data.

        Raises:
            ValueError: It cannot be understood; the message says what is wrong.
        """
        if value is None:
            return cls()
        if isinstance(value, Operation):
            return value
        if not isinstance(value, Mapping):
            raise ValueError(f"it is of type {type(value).__name__!r}; write {_FORMS}")
        known = [each.name for each in fields(cls)]
        unknown = [key for key in value if key not in known]
        if unknown:
            raise ValueError(f"it has no {unknown[0]!r}; there are: {', '.join(known)}. Remove it")
        return cls(**value)


def operation_of(action: RegisteredAction) -> Operation:
    """Return what the author of an action says of it.

    Raises:
        PluginError: It cannot be understood. The message names action and file.
    """
    try:
        return Operation.parse(action.attribute("openapi"))
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"action {action.name!r} ({action.source}, {action.owner}) has a wrong openapi: {error}"
        ) from error


def faults_in(actions: Iterable[RegisteredAction]) -> list[str]:
    """Return what is wrong with what authors say of their actions, a sentence each."""
    faults = []
    for action in actions:
        try:
            operation_of(action)
        except PluginError as error:
            faults.append(str(error))
    return faults
