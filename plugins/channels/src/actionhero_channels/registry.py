"""`ChannelRegistry`: the channels of an application, found by name."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from actionhero_channels.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actionhero import Application

#: A valid channel name.
CHANNEL_NAME: Final = re.compile(r"[a-zA-Z0-9:._-]{1,200}", re.ASCII)
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_]\w*)\}")
_LITERAL: Final = re.compile(r"[a-zA-Z0-9:._-]*", re.ASCII)


@dataclass(frozen=True)
class RegisteredChannel:
    """A channel and its origin."""

    channel: Channel
    #: The plugin that provides it, as error messages name it.
    owner: str
    #: The names that it matches; `None`: only its own.
    pattern: re.Pattern[str] | None
    #: Its name with empty placeholders, the same for all channels that match the same names.
    shape: str

    @property
    def name(self) -> str:
        """Its name, including placeholders."""
        return self.channel.name


class ChannelMatch(NamedTuple):
    """The channel of a name."""

    channel: Channel
    #: The values of the placeholders.
    params: Mapping[str, str]


class ChannelRegistry:
    """The channels of an application, found by name.

    Args:
        channels: The channels.
    """

    def __init__(self, channels: Iterable[RegisteredChannel]) -> None:
        self.channels = tuple(channels)
        self._exact = {each.name: each for each in self.channels if each.pattern is None}
        # The more literal characters, the higher the precedence.
        self._patterns = sorted(
            (each for each in self.channels if each.pattern is not None),
            key=lambda each: (-len(each.shape.replace("{}", "")), each.shape),
        )

    def find(self, name: str) -> ChannelMatch | None:
        """Return the channel of a name, and the values of its placeholders; `None` if unknown."""
        exact = self._exact.get(name)
        if exact is not None:
            return ChannelMatch(exact.channel, {})
        for registered in self._patterns:
            match = registered.pattern.fullmatch(name) if registered.pattern else None
            if match is not None:
                return ChannelMatch(registered.channel, match.groupdict())
        return None


def load_registry(app: Application) -> tuple[ChannelRegistry, list[str]]:
    """Return the registry of an application, and a sentence for each invalid channel."""
    classes = [
        (plugin.owner, type_)
        for plugin, type_ in app.plugins.collect(
            "actionhero_channels", Channel, classes=True, app=app
        )
    ]
    listed = {type_ for _, type_ in classes}
    classes += [
        ("the application", type_) for type_ in app.components(Channel) if type_ not in listed
    ]
    problems: list[str] = []
    by_shape: dict[str, RegisteredChannel] = {}
    for owner, type_ in classes:
        problem = _problem_of(type_)
        if problem is not None:
            problems.append(f"channel {_qualified_name(type_)} ({owner}) {problem}")
            continue
        registered = _register(type_, owner)
        other = by_shape.setdefault(registered.shape, registered)
        if other is not registered:
            problems.append(
                f"two channels have the name {registered.name!r}: "
                f"{_qualified_name(type(other.channel))} ({other.owner}) and "
                f"{_qualified_name(type_)} ({owner}); rename one, or disable one of the plugins"
            )
    return ChannelRegistry(by_shape.values()), problems


def _register(type_: type[Channel], owner: str) -> RegisteredChannel:
    name = type_.name
    shape = _PLACEHOLDER.sub("{}", name)
    pattern = None
    if shape != name:
        parts = _PLACEHOLDER.split(name)
        # Every other part is the name of a placeholder.
        text = "".join(
            f"(?P<{part}>[^:]+)" if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
        pattern = re.compile(text)
    return RegisteredChannel(type_(), owner, pattern, shape)


def _problem_of(type_: type[Channel]) -> str | None:
    name = getattr(type_, "name", None)
    if not isinstance(name, str) or not name:
        return "has no name; set name = '…'"
    placeholders = _PLACEHOLDER.findall(name)
    if len(set(placeholders)) != len(placeholders):
        return f"has the name {name!r} with a duplicate placeholder; rename one"
    if not _LITERAL.fullmatch(_PLACEHOLDER.sub("", name)):
        return (
            f"has the invalid name {name!r}; use letters, digits, ':', '.', '_', '-' and "
            "placeholders such as {id}"
        )
    history: object = type_.history
    if not isinstance(history, int) or isinstance(history, bool) or history < 0:
        return f"has history = {history!r}; set it to a number of broadcasts, or 0"
    if inspect.iscoroutinefunction(type_.visible):
        return "has an async method visible; define it with def, without async"
    return None


def _qualified_name(type_: type) -> str:
    return f"{type_.__module__}.{type_.__qualname__}"
