"""The check of components: names that are near misses, and methods without `async`."""

from __future__ import annotations

import ast
import inspect
import sys
from typing import TYPE_CHECKING, Any, Final

from actionhero.action import Action
from actionhero.initializer import Initializer
from actionhero.inputs.near_misses import near_miss
from actionhero.middleware import Middleware
from actionhero.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

#: The methods of which a class needs one: without them it has no effect.
_METHODS: Final[Mapping[type, tuple[str, ...]]] = {
    Middleware: ("admit", "authorize", "before", "after"),
    Initializer: ("initialize", "start", "stop", "check"),
}
#: How authors keep an attribute of their own.
ESCAPE: Final = "if it is your own, begin its name with an underscore, or write it in capitals"


def check_components(
    classes: Mapping[type, Iterable[type]],
    initializers: Iterable[Initializer],
    middleware: Iterable[Middleware],
    describe: Callable[[object], str],
) -> list[str]:
    """Return the errors in the attributes and methods of all components but actions.

    Args:
        classes: The classes of the application package, by their base classes.
        initializers: All initializers.
        middleware: The middleware around every call.
        describe: Returns the class of an object and its plugin, for messages.
    """
    errors = check_middleware({type(item) for item in middleware})
    for initializer in initializers:
        where = f"initializer {describe(initializer)}"
        errors += check_component(type(initializer), Initializer, where)
    for base, components in classes.items():
        # Actions have attributes of plugins, and are checked separately.
        if base not in {Action, Initializer}:
            for component in components:
                name = f"{component.__module__}.{component.__qualname__}"
                errors += check_component(component, base, f"{base.__name__} {name}")
    return errors


def check_middleware(types: Iterable[type]) -> list[str]:
    """Return the errors in the attributes and methods of classes of middleware."""
    errors = []
    for type_ in types:
        base = Requirement if issubclass(type_, Requirement) else Middleware
        if issubclass(type_, base):
            where = f"middleware {type_.__module__}.{type_.__qualname__}"
            errors += check_component(type_, base, where)
    return errors


def check_component(component: type, base: type, where: str) -> list[str]:
    """Return the errors in the attributes and methods of a class whose base has fixed names.

    Args:
        component: The class, such as that of a middleware.
        base: Its base class, whose public names are known.
        where: The component, for messages.
    """
    known = sorted(public_names(base))
    faults = [
        fault
        for _, name, value in own_attributes(component, base)
        if (fault := _component_fault(base, name, value, where, known)) is not None
    ]
    if not faults and (fault := _never_called(component, base, where)):
        faults.append(fault)
    return faults


def _never_called(component: type, base: type, where: str) -> str | None:
    """Return the fault of a class whose methods are those of another framework."""
    called = [name for name in _METHODS.get(base, ()) if name in public_names(base)]
    own = {
        name
        for class_ in component.__mro__
        if class_ not in base.__mro__
        for name, value in vars(class_).items()
        if inspect.isfunction(value) and (not name.startswith("_") or name == "__call__")
    }
    inherited = {name for name in called if getattr(component, name) is not getattr(base, name)}
    if not called or not own or inherited or own & public_names(base):
        return None
    methods = ", ".join(f"{name!r}" for name in called)
    return (
        f"{where} has {min(own)!r}, which nothing calls, and none of the methods that are called: "
        f"{methods}; write one of them"
    )


def _component_fault(
    base: type, name: str, value: Any, where: str, known: Collection[str]
) -> str | None:
    if name in known:
        if not _is_awaitable(value, base, name):
            return _not_async(where, name)
        return _parameter_fault(base, name, value, where)
    match = near_miss(name, known)
    return None if match is None else misspelled(where, name, match)


def _parameter_fault(base: type, name: str, value: Any, where: str) -> str | None:
    """Return the fault of a method that cannot be called with the arguments of the base class."""
    original = getattr(base, name, None)
    if not inspect.isfunction(original) or not inspect.isfunction(value):
        return None
    names = [
        parameter.name
        for parameter in inspect.signature(original).parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    if accepts(value, len(names)):
        return None
    kind = "async def" if inspect.iscoroutinefunction(original) else "def"
    return (
        f"{where} has {name}{inspect.signature(value)}, which is called with other arguments; "
        f"write '{kind} {name}({', '.join(names)})'"
    )


def accepts(function: Any, count: int) -> bool:
    """Return whether a function can be called with `count` positional arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    return True


def _is_awaitable(value: Any, base: type, name: str) -> bool:
    """Return whether the result of a method can be awaited, if that of the base class can."""
    if not inspect.isfunction(value) or not inspect.iscoroutinefunction(getattr(base, name, None)):
        return True
    # A decorator, or a function that returns a coroutine of another one and is annotated so.
    is_declared = "Awaitable" in (hint := str(value.__annotations__.get("return"))) or (
        "Coroutine" in hint
    )
    return inspect.iscoroutinefunction(value) or is_declared or hasattr(value, "__wrapped__")


def _not_async(where: str, name: str) -> str:
    return (
        f"{where} has 'def {name}', which is awaited; write 'async def {name}', or annotate it to "
        "return an Awaitable"
    )


def misspelled(where: str, name: str, match: str) -> str:
    """Return the message about a name that differs from a known one by one typing error."""
    return (
        f"{where} has the attribute {name!r}, which nothing reads; did you mean {match!r}? "
        f"{ESCAPE[0].upper()}{ESCAPE[1:]}"
    )


def public_names(base: type) -> set[str]:
    """Return the public names that a base class and its bases define."""
    names = (
        name for class_ in base.__mro__[:-1] for name in (*vars(class_), *annotated_names(class_))
    )
    return {name for name in names if not name.startswith("_")}


def own_attributes(type_: type, base: type) -> Iterator[tuple[type, str, Any]]:
    """Yield the public attributes of a class and of its bases that are not those of `base`."""
    for class_ in type_.__mro__:
        if class_ in base.__mro__:
            continue
        for name, value in vars(class_).items():
            if not name.startswith("_") and not name.isupper():
                yield class_, name, value


def annotated_names(class_: type) -> set[str]:
    """Return the names that a class annotates."""
    return set(annotations_of(class_))


def annotations_of(class_: type) -> Mapping[str, Any]:
    """Return the annotations of a class, unresolved."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations  # noqa: PLC0415 - new in Python 3.14

        return get_annotations(class_, format=Format.FORWARDREF)
    return inspect.get_annotations(class_)


def is_value(annotation: Any) -> bool:
    """Return whether an annotation is a value, as after `:` in place of `=`, and no type.

    Values are calls, texts that are no names, numbers, lists and instances of our classes.
    """
    if isinstance(annotation, str):
        try:
            expression = ast.parse(annotation.strip(), mode="eval").body
        except SyntaxError:
            return True
        if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
            return is_value(expression.value)
        return not _is_type(expression)
    is_ours = type(annotation).__module__.startswith("actionhero")
    return is_ours or isinstance(annotation, int | float | list | tuple | dict | Middleware)


def _is_type(expression: ast.expr) -> bool:
    """Return whether an expression can be a type: a name, with parameters, or a union."""
    if isinstance(expression, ast.BinOp):
        is_union = isinstance(expression.op, ast.BitOr)
        return is_union and _is_type(expression.left) and _is_type(expression.right)
    is_none = isinstance(expression, ast.Constant) and expression.value is None
    return is_none or isinstance(expression, ast.Name | ast.Attribute | ast.Subscript)
