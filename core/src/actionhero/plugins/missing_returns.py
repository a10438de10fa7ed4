"""Hook implementations without `return`, whose contributions would be dropped."""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
from typing import Any, Final

MISSING_RETURN: Final = (
    ", because it has no 'return', so it contributes nothing; add the 'return', or 'return None' "
    "if it is meant so"
)


def lacks_return(function: Any) -> bool:
    """Return whether a function has statements, and no `return` among them."""
    code = getattr(function, "__code__", None)
    if code is None or _returns_value(function):
        return False
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return False
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        return False
    statements = [node for statement in definition.body for node in _own_nodes(statement)]
    if any(isinstance(node, ast.Return | ast.Raise | ast.Yield) for node in statements):
        return False
    return isinstance(definition.body[-1], ast.Expr) and _is_value(definition.body[-1].value)


def _returns_value(function: Any) -> bool:
    """Return whether the byte code may return something else than `None`.

    To find the source of a function takes a thousand times longer.
    """
    previous = None
    for instruction in dis.get_instructions(function):
        if instruction.opname == "RETURN_VALUE" and not (
            previous is not None and previous.opname == "LOAD_CONST" and previous.argval is None
        ):
            return True
        if instruction.opname == "RETURN_CONST" and instruction.argval is not None:
            return True
        previous = instruction
    return False


def _is_value(expression: ast.expr) -> bool:
    """Return whether an expression statement is a value that is dropped."""
    return isinstance(
        expression, ast.List | ast.Tuple | ast.ListComp | ast.Set | ast.Dict | ast.Name | ast.Call
    )


def _own_nodes(statement: ast.AST) -> list[ast.AST]:
    """Return the nodes of a statement without those of functions in it."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return []
    return [
        statement,
        *(node for child in ast.iter_child_nodes(statement) for node in _own_nodes(child)),
    ]
