"""Schemas whose validation stops at the first errors of inputs.

Pydantic collects an error for each invalid item of a list, and for each missing name of each
object in it, with a copy of all names that lead to it. To collect hundreds of thousands of them
would block the event loop for seconds and take gigabytes of memory.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from actionhero.inputs.core_schemas import (
    FIELD_SCHEMAS,
    CoreSchema,
    Definitions,
    definitions_of,
    has_names,
    literal_values,
    rewrite,
    schemas_in,
)
from actionhero.inputs.exact_values import before
from actionhero.inputs.problems import integer_of

#: Schemas whose validation can stop at the first error.
CONTAINERS: Final = frozenset(
    {
        "counter", "deque", "dict", "frozendict", "frozenset", "list", "ordered-dict", "set",
        "tuple",
    }
)  # fmt: skip
#: Schemas that have an error for each name or position, whose number has no limit.
_OBJECTS: Final = FIELD_SCHEMAS | {"arguments", "named-tuple"}
#: Types that a float without fraction is a value of.
_FLOATS: Final = frozenset({"any", "complex", "decimal", "float"})
#: The keys of the schemas of undeclared names and their values.
_EXTRAS: Final = frozenset({"extras_keys_schema", "extras_schema"})
_UNLISTED: Final = "Input is not valid; its errors are listed for smaller inputs only"


def with_one_error(schema: CoreSchema) -> CoreSchema:
    """Return the schema in which each container and each object has one error.

    Valid inputs are validated alike, and as fast.
    """
    bounded: CoreSchema = rewrite(schema, _with_one_error)
    return bounded


def with_first_errors(schema: CoreSchema) -> CoreSchema:
    """Return the schema in which each container has the errors of its first invalid item."""
    first: dict[str, Any] = rewrite(schema, _fail_fast)
    if "definitions" in first:
        # A tree whose nodes have two branches has any number of invalid nodes.
        references = _branching_references(definitions_of(first))
        first["definitions"] = [
            rewrite(item, partial(_without_branches, references[item["ref"]]))
            for item in first["definitions"]
        ]
    return first


def with_declared_names(schema: CoreSchema) -> CoreSchema:
    """Return the schema of `with_first_errors` that ignores undeclared names."""
    declared: CoreSchema = rewrite(with_first_errors(schema), _with_declared_names)
    return declared


def with_unlisted_names(schema: CoreSchema) -> CoreSchema:
    """Return the schema of `with_first_errors` in which undeclared names have one error."""
    unlisted: CoreSchema = rewrite(with_first_errors(schema), _with_unlisted_names)
    return unlisted


def with_integers(schema: CoreSchema) -> CoreSchema:
    """Return the schema in which floats without fraction are integers.

    Otherwise, each of them would be an error that `converted_integers` needs.
    """
    converted: CoreSchema = rewrite(schema, _with_integers)
    return converted


def _fail_fast(schema: dict[str, Any]) -> dict[str, Any]:
    return schema | {"fail_fast": True} if schema["type"] in CONTAINERS else schema


def _with_one_error(schema: dict[str, Any]) -> dict[str, Any]:
    return _unlisted(schema) if schema["type"] in _OBJECTS else _fail_fast(schema)


def _with_declared_names(schema: dict[str, Any]) -> dict[str, Any]:
    if not has_names(schema):
        return schema
    if schema["type"] in {"arguments", "named-tuple"}:
        return _unlisted(schema)
    declared = {key: schema[key] for key in schema if key not in _EXTRAS}
    if "extra_behavior" in schema:
        declared["extra_behavior"] = "ignore"
    if "config" in schema:
        declared["config"] = schema["config"] | {"extra_fields_behavior": "ignore"}
    return declared


def _with_unlisted_names(schema: dict[str, Any]) -> dict[str, Any]:
    return _unlisted(schema) if has_names(schema) else schema


def _unlisted(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with one error in place of all."""
    return {
        "type": "custom-error",
        "schema": schema,
        "custom_error_type": "unlisted",
        "custom_error_message": _UNLISTED,
        **({"ref": schema["ref"]} if "ref" in schema else {}),
    }


def _without_branches(references: frozenset[str], schema: dict[str, Any]) -> dict[str, Any]:
    is_branch = schema["type"] == "definition-ref" and schema["schema_ref"] in references
    return _unlisted(schema) if is_branch else schema


def _branching_references(definitions: Definitions) -> dict[str, frozenset[str]]:
    """Return the references in each definition that lead back to it, if there are several."""
    references = {
        name: [
            part["schema_ref"]
            for part in schemas_in(definition)
            if part["type"] == "definition-ref"
        ]
        for name, definition in definitions.items()
    }
    branching = {}
    for name, inner in references.items():
        recursive = [item for item in inner if _leads_to(name, item, references)]
        branching[name] = frozenset(recursive if len(recursive) > 1 else ())
    return branching


def _leads_to(name: str, start: str, references: dict[str, list[str]]) -> bool:
    seen, pending = {start}, [start]
    while pending:
        pending += (new := set(references.get(pending.pop(), ())) - seen)
        seen |= new
    return name in seen


def _with_integers(schema: dict[str, Any]) -> dict[str, Any]:
    type_ = schema["type"]
    if type_ == "int" or any(type(value) is int for value in literal_values(schema)):
        return before(_integer, schema)
    if type_ == "union" and any(_type_of(choice) in _FLOATS for choice in schema["choices"]):
        return schema | {"choices": list(map(_without_integer, schema["choices"]))}
    return schema


def _integer(value: Any) -> Any:
    number = integer_of(value) if type(value) is float else None
    return value if number is None else number


def _type_of(choice: Any) -> str:
    schema = choice[0] if isinstance(choice, tuple) else choice
    return str(schema["type"])


def _without_integer(choice: Any) -> Any:
    if isinstance(choice, tuple):
        return (_without_integer(choice[0]), *choice[1:])
    function = choice.get("function")
    return choice["schema"] if function and function["function"] is _integer else choice
