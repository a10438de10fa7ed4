"""The faults of parameters of `run`, with their remedies."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence, Set
from typing import Any, Final, get_origin

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

#: The names of parameters that mean the call in other frameworks, or in other cases.
_CALLS: Final = frozenset({"connection", "context", "ctx", "data", "params", "req", "request"})
_REQUEST: Final = "the request over HTTP is call.connection.raw"


def annotation_advice(name: str) -> str:
    """Return how to annotate a parameter that has no annotation."""
    if name == "inputs":
        return (
            "annotate it with a model, as in 'inputs: GreetInputs', or declare each input as a "
            "parameter, as in 'name: str'"
        )
    if name in _CALLS:
        return (
            f"declare its type, as in '{name}: str', if it is an input; the call is passed as "
            f"'call', all inputs as 'inputs', and {_REQUEST}"
        )
    return f"declare its type, as in '{name}: str'"


def inputs_fault(type_: Any) -> str | None:
    """Return the fault of the annotation of `inputs`; `None` if there is none."""
    if type_ in (dict, Mapping, MutableMapping):
        return (
            f"inputs of {type_.__name__}, without names and types; declare each input as a "
            "parameter, as in 'name: str', annotate inputs with a model, or with dict[str, Any] "
            "to take everything"
        )
    container = get_origin(type_) or type_
    if isinstance(container, type) and (
        issubclass(container, bool | int | float | bytes | Sequence | Set)
    ):
        name = getattr(type_, "__name__", str(type_))
        return (
            f"inputs of {name}, which has no names; declare it as a parameter of its own, as in "
            f"'value: {name if container is type_ else type_}'"
        )
    return None


def field_fault(name: str, type_: Any) -> str | None:
    """Return the fault of a parameter that cannot be an input; `None` if it can."""
    module = getattr(type_, "__module__", "")
    type_name = getattr(type_, "__qualname__", str(type_))
    if (module, type_name) == ("actionhero.call", "Call"):
        return f"the call as {name!r}; name this parameter 'call'"
    try:
        TypeAdapter(type_)
    except PydanticUserError:
        remedy = (
            f"{_REQUEST}, of a parameter 'call: Call'"
            if module.startswith("aiohttp.")
            else "use a model, a dataclass, a typed dictionary, or a type that pydantic supports; "
            f"an object that an initializer provides is call.get({type_name.rpartition('.')[2]})"
        )
        return f"{name!r} of the type {module}.{type_name}, which cannot be an input; {remedy}"
    return None
