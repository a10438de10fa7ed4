"""Attributes of actions that all transports share: the version, its dates, and requirements."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from actionhero.errors import PluginError
from actionhero.requirements import requirement_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actionhero.middleware import Middleware


class ActionAttribute:
    """The base of an attribute's value that adds middleware and requirements to its action.

    Such as `actionhero_web.Route`, which has those of its group. The attribute is such a value, or
    a list or tuple of them.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def middleware(self) -> tuple[Middleware, ...]:
            """The added middleware, outside of that of the action, the outermost first."""

        @property
        def requires(self) -> tuple[Any, ...]:
            """The added requirements, before those of the action."""


def added_middleware(action: type) -> tuple[Middleware, ...]:
    """Return the middleware that attributes of an action add, each instance once."""
    return _unique(item for each in _attributes(action) for item in each.middleware)


def requirements(action: type) -> tuple[Any, ...]:
    """Return the requirements of an action, and those that its attributes add, each once."""
    declared = getattr(action, "requires", ())
    own = declared if isinstance(declared, list | tuple | set | frozenset) else (declared,)
    added = (item for each in _attributes(action) for item in each.requires)
    return _unique(requirement_of(item) for item in (*added, *own))


def version_of(action: type, where: str) -> int | None:
    """Return the declared version of an action; `None` without one.

    Raises:
        PluginError: It is not a number, or below 1.
    """
    version = getattr(action, "version", None)
    if version is not None and (type(version) is not int or version < 1):
        raise PluginError(f"{where} has version = {version!r}; write a number from 1, as in 2")
    return version


def deprecation_of(action: type, where: str) -> tuple[datetime | None, datetime | None]:
    """Return the times of the deprecation and of the removal of an action.

    Raises:
        PluginError: One is not a date, or the removal precedes the deprecation (RFC 9745,
            section 4).
    """
    deprecated = _moment(action, "deprecated", where)
    sunset = _moment(action, "sunset", where)
    if deprecated is not None and sunset is not None and sunset < deprecated:
        raise PluginError(
            f"{where} has sunset = {action.sunset!r} before "  # type: ignore[attr-defined]
            f"deprecated = {action.deprecated!r}; exchange them"  # type: ignore[attr-defined]
        )
    return deprecated, sunset


def _moment(action: type, attribute: str, where: str) -> datetime | None:
    value = getattr(action, attribute, None)
    if value is None:
        return None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    raise PluginError(
        f"{where} has {attribute} = {value!r}; write date(2027, 1, 31), or a datetime with a time "
        "zone"
    )


def _attributes(action: type) -> Iterator[ActionAttribute]:
    names = dict.fromkeys(name for type_ in action.__mro__[:-1] for name in vars(type_))
    for name in names:
        value = getattr(action, name, None)
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, ActionAttribute):
                yield item


def _unique(items: Iterable[Any]) -> tuple[Any, ...]:
    # By identity: the same group in two routes is one, two equal limits are two.
    return tuple({id(item): item for item in items}.values())
