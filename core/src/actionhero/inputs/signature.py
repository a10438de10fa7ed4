"""The signature of `run`: the parameters of an action, and the types of its inputs and result."""

from __future__ import annotations

import builtins
import collections.abc
import inspect
import sys
import warnings
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from pydantic import BaseModel, create_model

from actionhero.errors import PluginError
from actionhero.inputs.annotations import with_portable_typed_dicts, without_none
from actionhero.inputs.fields import fields_of
from actionhero.inputs.parameter_faults import annotation_advice, field_fault, inputs_fault
from actionhero.inputs.run_faults import replaced_by
from actionhero.inputs.schema import Inputs
from actionhero.inputs.undefined_names import advice, undefined_name

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The parameters of `run` that are no fields of the inputs.
RESERVED: Final = frozenset({"call", "inputs"})


class RunSignature:
    """The parameters of `run`, and the types of the inputs and of the result of the action.

    Args:
        run: The method of the action.
        class_name: The name of the class of the action.
        module_name: Its module.
        local_names: The local names of the function that defines the class, if there is one.
        where: The action, for error messages.

    Raises:
        PluginError: The signature is not supported, or an annotation cannot be resolved.
    """

    def __init__(
        self,
        run: Any,
        class_name: str,
        module_name: str,
        local_names: Mapping[str, Any],
        where: str,
    ) -> None:
        self._run = run
        self._module_name = module_name
        self._local_names = local_names
        self._where = where
        parameters = list(inspect.signature(run).parameters.values())
        self._check_self(parameters.pop(0) if parameters else None)
        self._check(parameters)
        #: The names of all parameters, in order.
        self.names = tuple(parameter.name for parameter in parameters)
        #: Those that are passed by name only.
        self.keywords = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        fields = [parameter for parameter in parameters if parameter.name not in RESERVED]
        #: The names of the parameters that are fields of the inputs.
        self.fields = tuple(parameter.name for parameter in fields)
        #: The type of the inputs: the annotation of `inputs`, with the parameters as fields.
        self.inputs_type = without_none(self._resolve("inputs", Inputs))
        if fault := inputs_fault(self.inputs_type):
            raise PluginError(f"{self._where} takes {fault}")
        if fields:
            self.inputs_type = self._with_fields(f"{class_name}Inputs", fields)
        #: The return annotation; `None` without one. It is the contract of results, so one that
        #: cannot be resolved is an error.
        self.output_type = self._resolve("return", None)

    def _check_self(self, first: inspect.Parameter | None) -> None:
        """Check that the first parameter is the action, and not an input.

        Raises:
            PluginError: It is an input.
        """
        if first is not None and first.name == "self":
            # Its annotation, if there is one, is for type checkers.
            return
        if first is None or first.name in RESERVED or first.annotation is not first.empty:
            declared = str(inspect.signature(self._run))
            raise PluginError(
                f"{self._where} has run{declared} without 'self'; write "
                f"'async def run(self{', ' if first else ''}{declared[1:]}'"
            )

    def _check(self, parameters: list[inspect.Parameter]) -> None:
        for parameter in parameters:
            name = parameter.name
            if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
                fault = f"'{parameter}', which names no input; declare each input as a parameter"
                if decorator := replaced_by(self._run):
                    fault += f", and mark {decorator!r} of the decorator with @functools.wraps(…)"
            elif parameter.kind is parameter.POSITIONAL_ONLY:
                fault = f"{name!r} before '/'; inputs are passed by name, so leave the '/' out"
            elif name.startswith("_"):
                fault = f"{name!r}; the name of an input cannot start with an underscore"
            elif name == "call" and (builtin := _builtin(parameter.annotation)):
                fault = f"'call' of the type {builtin}, but this parameter is the call; rename it"
            elif name != "call" and parameter.annotation is parameter.empty:
                fault = f"{name!r} without annotation; {annotation_advice(name)}"
            else:
                continue
            raise PluginError(f"{self._where} has run{inspect.signature(self._run)} with {fault}")

    def _with_fields(self, name: str, parameters: list[inspect.Parameter]) -> type[BaseModel]:
        """Return a model of the inputs with the parameters as fields."""
        base = self.inputs_type
        if not (isinstance(base, type) and issubclass(base, BaseModel)):
            raise PluginError(
                f"{self._where} takes {parameters[0].name!r} beside inputs of {base!r}; only a "
                "pydantic model can have more fields"
            )
        taken = {alias for field in fields_of(base) for alias in (*field.names, field.attribute)}
        for parameter in parameters:
            if parameter.name in taken:
                raise PluginError(
                    f"{self._where} takes {parameter.name!r}, which is a field of "
                    f"{base.__qualname__} already; remove one of them"
                )
        fields: Any = {
            parameter.name: (
                with_portable_typed_dicts(self._resolve(parameter.name, Any)),
                ... if parameter.default is parameter.empty else parameter.default,
            )
            for parameter in parameters
        }
        with warnings.catch_warnings():
            # A field hides a method of models that nothing uses here, such as `copy`.
            warnings.simplefilter("ignore", UserWarning)
            try:
                return create_model(name, __base__=base, __module__=self._module_name, **fields)
            except Exception as error:
                for field, (type_, _) in fields.items():
                    if fault := field_fault(field, type_):
                        raise PluginError(f"{self._where} takes {fault}") from error
                names = ", ".join(fields)
                raise PluginError(
                    f"{self._where} takes {names}, which cannot be fields of its inputs: {error}"
                ) from error

    def schema_fault(self, error: Exception) -> str:
        """Return why inputs cannot be validated, from an error of pydantic."""
        namespace = getattr(inspect.unwrap(self._run), "__globals__", {})
        try:
            # The error of the model names what is not defined; that of the adapter does not.
            if isinstance(self.inputs_type, type) and issubclass(self.inputs_type, BaseModel):
                self.inputs_type.model_rebuild(_types_namespace={**namespace, **self._local_names})
        except Exception as reason:  # noqa: BLE001 - any error of a schema
            error = reason
        if (unknown := undefined_name(error)) is not None:
            remedy = advice(unknown, namespace)
            otherwise = "import it outside of TYPE_CHECKING: it is needed at run time"
            return f"name {unknown!r} is not defined; {remedy or otherwise}"
        fault = str(error).partition(". Set `")[0].partition("\n")[0]
        type_ = self.inputs_type
        if isinstance(type_, BaseModel):
            return f"{fault}; write the class, as in 'inputs: {type(type_).__name__}'"
        if isinstance(type_, type) and type_.__annotations__:
            return f"{fault}; write class {type_.__name__}(Inputs)"
        return fault

    def _resolve(self, name: str, default: Any) -> Any:
        """Return the type of a parameter or of the result; `default` without annotation.

        The annotation of `call` is not resolved: its name may be imported for type checkers only.
        """
        if name not in self._run.__annotations__:
            return default
        annotation = self._run.__annotations__[name]
        if annotation is None:
            return NoneType
        if not isinstance(annotation, str):
            return annotation
        holder = type("holder", (), {"__annotations__": {name: annotation}})
        namespace = getattr(sys.modules.get(self._module_name), "__dict__", {})
        # The names of the module of `run`, not those of a decorator's module.
        namespace = getattr(inspect.unwrap(self._run), "__globals__", namespace)
        # Linters move these imports below TYPE_CHECKING; their meaning is clear without.
        namespace = {**vars(collections.abc), **namespace}
        try:
            hints = get_type_hints(holder, namespace, dict(self._local_names), include_extras=True)
        except (AttributeError, NameError, SyntaxError, TypeError) as error:
            subject = "its result" if name == "return" else name
            unknown = undefined_name(error)
            remedy = unknown and advice(unknown, (*namespace, *self._local_names))
            raise PluginError(
                f"{self._where} annotates {subject} as {annotation!r}, and {error}; "
                f"{remedy or 'import that name outside of TYPE_CHECKING: it is needed at run time'}"
            ) from error
        return hints[name]


def _builtin(annotation: Any) -> str | None:
    """Return the name of an annotation that is a type of Python; `None` for others."""
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return name if isinstance(getattr(builtins, name, None), type) else None
