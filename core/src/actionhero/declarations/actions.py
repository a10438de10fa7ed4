"""The check of class attributes: those that nothing reads, such as `middlewares`, are reported.

A misspelled `middleware` or `requires` would leave an action open, without an error.
"""

from __future__ import annotations

import inspect
import sys
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero.action import Action, source_of
from actionhero.action_attributes import ActionAttribute
from actionhero.declarations.components import (
    ESCAPE,
    accepts,
    annotated_names,
    annotations_of,
    check_middleware,
    is_value,
    misspelled,
    own_attributes,
    public_names,
)
from actionhero.declarations.known_attributes import (
    INPUTS,
    PLUGIN_ATTRIBUTES,
    PROTECTING,
    PROTECTIONS,
    REPLACEMENTS,
)
from actionhero.inputs.near_misses import near_miss
from actionhero.middleware import Middleware
from actionhero.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class AttributeFindings(NamedTuple):
    """The findings about the class attributes of components."""

    #: They stop the start.
    errors: list[str]
    warnings: list[str]


def check_actions(
    actions: Iterable[tuple[str, type[Action]]], known: Collection[str]
) -> AttributeFindings:
    """Return the findings about the attributes of all actions, and of their middleware.

    Args:
        actions: The classes, with their owners.
        known: The names that plugins read.
    """
    findings = AttributeFindings([], [])
    seen: set[tuple[type, str]] = set()
    middleware: dict[type, None] = {}
    for owner, action in actions:
        name = getattr(action, "name", None)
        title = name if isinstance(name, str) and name else action.__qualname__
        where = f"action {title!r} ({source_of(action)}, {owner})"
        for messages, new in zip(findings, _check_action(action, where, known, seen), strict=True):
            messages += new
        for item in _items(action.requires):
            if isinstance(item, types.FunctionType) and not accepts(item, 1):
                findings.errors.append(
                    f"{where} requires the function {item.__qualname__!r}, which does not take the "
                    f"call; write def {item.__name__}(call: Call) -> bool"
                )
        items = (*_items(action.middleware), *_items(action.requires))
        middleware |= dict.fromkeys(type(item) for item in items)
    findings.errors.extend(check_middleware(middleware))
    return findings


def check_plain_classes(module_names: Iterable[str]) -> list[str]:
    """Return warnings about classes of the application that look like actions, and are none."""
    return [
        f"class {value.__qualname__!r} ({source_of(value)}) has a name and 'async def run', and is "
        f"no action; write class {value.__name__}(Action)"
        for module_name in module_names
        for value in vars(sys.modules[module_name]).values()
        if isinstance(value, type)
        and value.__module__ == module_name
        and not issubclass(value, Action)
        and isinstance(vars(value).get("name"), str)
        and inspect.iscoroutinefunction(vars(value).get("run"))
    ]


def _check_action(
    action: type[Action], where: str, known: Collection[str], seen: set[tuple[type, str]]
) -> AttributeFindings:
    """Return the findings about the attributes of an action.

    Args:
        action: The class.
        where: The action, for messages.
        known: The names that plugins read.
        seen: The attributes that were checked already, with their classes; extended here.
    """
    findings = AttributeFindings([], [])
    core = public_names(Action) - {"run"}
    names = [*sorted(core), *sorted({*known, *PLUGIN_ATTRIBUTES})]
    findings.errors.extend(
        f"{where} has the annotation '{name}: …' without a value, so it has no effect; write "
        f"'{name} = …'"
        for class_ in action.__mro__
        if class_ not in Action.__mro__
        for name, annotation in annotations_of(class_).items()
        if name in names and name not in vars(class_) and is_value(annotation)
    )
    for class_, name, value in own_attributes(action, Action):
        if name == "run" or (class_, name) in seen or _is_method(value, class_, name):
            continue
        seen.add((class_, name))
        has = f"{where} has the attribute {name!r}, which"
        if name in PROTECTING and name not in known:
            findings.warnings.append(
                f"{has} no active plugin reads, so it has no effect; install and enable "
                f"{PLUGIN_ATTRIBUTES[name]}, or remove it"
            )
        elif name in names:
            continue
        elif match := near_miss(name, names):
            findings.errors.append(misspelled(where, name, match))
        elif name in PROTECTIONS:
            findings.errors.append(
                f"{has} nothing reads, so it protects nothing; {PROTECTIONS[name]}; {ESCAPE}"
            )
        elif name == "inputs":
            findings.errors.append(f"{has} nothing reads; {INPUTS}; {ESCAPE}")
        elif (remedy := _misplaced(value, action)) is not None:
            findings.errors.append(f"{has} nothing reads; {remedy}; {ESCAPE}")
        elif not callable(value) and not _is_annotated(action, name):
            remedy = REPLACEMENTS.get(name, "remove it, or install the plugin that reads it")
            findings.warnings.append(f"{has} nothing reads; {remedy}; {ESCAPE}")
    return findings


def _is_method(value: Any, class_: type, name: str) -> bool:
    """Return whether an attribute is a method, a property, a nested class or a descriptor.

    A function or a class of another place is a value: `requires = is_owner`.
    """
    if isinstance(value, types.FunctionType | type):
        return value.__qualname__ == f"{class_.__qualname__}.{name}"
    return hasattr(type(value), "__get__") or isinstance(value, types.ModuleType)


def _is_annotated(action: type[Action], name: str) -> bool:
    """Return whether the author declares an attribute by an annotation, as for a base class."""
    return any(name in annotated_names(class_) for class_ in action.__mro__[:-1])


def _misplaced(value: Any, action: type[Action]) -> str | None:
    """Return the attribute that a value belongs into; `None` if it is the author's own value."""
    used = {
        id(item) for declared in (action.requires, action.middleware) for item in _items(declared)
    }
    for item in _items(value):
        if id(item) in used:
            continue
        if isinstance(item, Requirement):
            return "write requires = …"
        if isinstance(item, Middleware):
            return "write middleware = […]"
        if isinstance(item, ActionAttribute):
            return "write web = … for a route"
    return None


def _items(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)
