"""The signature of an action's `run`: its parameters, and the types of its inputs and result."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, get_type_hints

from actionhero.errors import PluginError
from actionhero.inputs.schema import Inputs

if TYPE_CHECKING:
    from collections.abc import Mapping


def parameters_of(run: Any, where: str) -> list[str]:
    """Return the parameters of `run`: `inputs`, `call`, both or none.

    Raises:
        PluginError: There are others. The message begins with `where`.
    """
    _, *parameters = inspect.signature(run).parameters.values()
    names = [parameter.name for parameter in parameters]
    if names not in ([], ["inputs"], ["call"], ["inputs", "call"]) or any(
        parameter.kind is not parameter.POSITIONAL_OR_KEYWORD for parameter in parameters
    ):
        written = ", ".join(["self", *map(str, parameters)])
        raise PluginError(
            f"{where} has run({written}); it is called with 'inputs' and 'call', in this order, "
            "and either may be left out"
        )
    return names


def annotations_of(
    run: Any, module_name: str, local_names: Mapping[str, Any], where: str
) -> tuple[Any, Any]:
    """Return the type of `inputs` and the return type, `None` without annotation.

    The annotation of `call` is not resolved: its name may be imported for type checkers only.

    Args:
        run: The method of the action.
        module_name: The module of the action.
        local_names: The names around a class that is defined in a function.
        where: The action, for error messages.

    Raises:
        PluginError: The annotation of `inputs` cannot be resolved.
    """
    resolved: list[Any] = []
    for name in ("inputs", "return"):
        annotation = run.__annotations__.get(name)
        if isinstance(annotation, str):
            holder = type("holder", (), {"__annotations__": {name: annotation}})
            namespace = getattr(sys.modules.get(module_name), "__dict__", {})
            # The names of the module of `run`, not those of a decorator's module.
            namespace = getattr(inspect.unwrap(run), "__globals__", namespace)
            try:
                hints = get_type_hints(holder, namespace, dict(local_names), include_extras=True)
            except (AttributeError, NameError, SyntaxError, TypeError) as error:
                if name == "return":
                    # Used by API documents only, which show an unresolved type as any value.
                    resolved.append(None)
                    continue
                raise PluginError(
                    f"{where} annotates inputs as {annotation!r}, and {error}; import that name "
                    "outside of TYPE_CHECKING: it is needed at run time"
                ) from error
            annotation = hints[name]
        resolved.append(annotation)
    inputs, returned = resolved
    return (Inputs if inputs is None else inputs), returned
