"""`PanelFunction`: a function of a panel, its inputs, and how it is called."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, Final

from actionhero import Inputs
from actionhero.transport import InputSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The parameter that gets the `PanelContext`, and the one that gets all inputs as one model.
_CONTEXT: Final = "context"
_INPUTS: Final = "inputs"


class InvalidPanelFunction(ValueError):
    """A function cannot be a part of a panel; the message has the reason."""


class PanelFunction:
    """A function of a panel, with the schema of its inputs.

    Its parameters are inputs, like those of `Action.run`: each with an annotation, or all of them
    as `inputs`, a subclass of `Inputs`. `context` gets a `PanelContext`.

    Args:
        function: The function, which may be `async`.
        has_context: Whether it may have the parameter `context`.

    Raises:
        InvalidPanelFunction: A parameter has no annotation, one that cannot be resolved, or a
            default that does not fit it.
    """

    def __init__(self, function: Callable[..., Any], *, has_context: bool = True) -> None:
        self._function = function
        parameters = inspect.signature(function).parameters
        self._has_context = _CONTEXT in parameters
        if self._has_context and not has_context:
            raise InvalidPanelFunction(
                "has the parameter 'context', but other processes call it; remove it"
            )
        self._has_inputs = _INPUTS in parameters
        #: The names of the parameters that are inputs.
        self._names = [name for name in parameters if name not in (_CONTEXT, _INPUTS)]
        if self._has_inputs and self._names:
            raise InvalidPanelFunction(f"has both 'inputs' and {self._names[0]!r}; declare either")
        self.schema = InputSchema(self._type(parameters))
        if fault := self.schema.default_fault():
            raise InvalidPanelFunction(f"has {fault}")

    async def __call__(self, inputs: Any, context: Any) -> Any:
        """Call the function with validated inputs, and return its result."""
        arguments: dict[str, Any] = {name: getattr(inputs, name) for name in self._names}
        if self._has_inputs:
            arguments[_INPUTS] = inputs
        if self._has_context:
            arguments[_CONTEXT] = context
        result = self._function(**arguments)
        return await result if inspect.isawaitable(result) else result

    def _type(self, parameters: Mapping[str, inspect.Parameter]) -> Any:
        if self._has_inputs:
            return self._resolve(parameters[_INPUTS])
        annotations: dict[str, Any] = {}
        defaults: dict[str, Any] = {}
        for name in self._names:
            parameter = parameters[name]
            if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
                raise InvalidPanelFunction(
                    f"has '{parameter}', which names no input; declare each input"
                )
            annotations[name] = self._resolve(parameter)
            if parameter.default is not parameter.empty:
                defaults[name] = parameter.default
        return type("PanelInputs", (Inputs,), {"__annotations__": annotations, **defaults})

    def _resolve(self, parameter: inspect.Parameter) -> Any:
        annotation = parameter.annotation
        if annotation is parameter.empty:
            raise InvalidPanelFunction(
                f"has the parameter {parameter.name!r} without annotation; declare its type"
            )
        if not isinstance(annotation, str):
            return annotation
        function = inspect.unwrap(getattr(self._function, "__func__", self._function))
        module = sys.modules.get(function.__module__)
        try:
            return eval(annotation, vars(module) if module else {})  # noqa: S307 - of our own code
        except Exception as error:
            raise InvalidPanelFunction(
                f"has the parameter {parameter.name!r} with the annotation {annotation!r}, which "
                f"cannot be resolved ({error}); import its names outside of TYPE_CHECKING"
            ) from error
