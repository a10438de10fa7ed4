"""Which channel a name means: `ChannelNames`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actionhero_channels.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actionhero import Application

#: What may be joined at all.
CHANNEL_NAME: Final = re.compile(r"[a-zA-Z0-9:._-]{1,200}", re.ASCII)
_PLACE: Final = re.compile(r"\{([A-Za-z_]\w*)\}")
_LITERAL: Final = re.compile(r"[a-zA-Z0-9:._-]*", re.ASCII)


@dataclass(frozen=True)
class Known:
    """A channel, and where it comes from."""

    channel: Channel
    #: Who brings it, as messages tell it.
    owner: str
    #: What its name fits; `None`: that name alone.
    pattern: re.Pattern[str] | None
    #: How a name that fits looks, whatever its places are called.
    shape: str

    @property
    def name(self) -> str:
        """Its name, places and all."""
        return self.channel.name


class ChannelNames:
    """All channels, by their names.

    Args:
        known: The channels.
    """

    def __init__(self, known: Iterable[Known]) -> None:
        self.known = tuple(known)
        self._exact = {each.name: each for each in self.known if each.pattern is None}
        # The more of it is written out, the sooner it is asked.
        self._patterns = sorted(
            (each for each in self.known if each.pattern is not None),
            key=lambda each: (-len(each.shape.replace("{}", "")), each.shape),
        )

    def find(self, name: str) -> tuple[Channel, Mapping[str, str]] | None:
        """Return the channel of a name, and what stands in its places; `None` if there is none."""
        exact = self._exact.get(name)
        if exact is not None:
            return exact.channel, {}
        for known in self._patterns:
            match = known.pattern.fullmatch(name) if known.pattern else None
            if match is not None:
                return known.channel, match.groupdict()
        return None


def names_of(app: Application) -> tuple[ChannelNames, list[str]]:
    """Return the channels of an application, and a sentence for each fault in them."""
    given = [
        (plugin.owner, type_)
        for plugin, type_ in app.plugins.collect(
            "actionhero_channels", Channel, classes=True, app=app
        )
    ]
    listed = {type_ for _, type_ in given}
    given += [("the application", type_) for type_ in app.found(Channel) if type_ not in listed]
    faults: list[str] = []
    by_shape: dict[str, Known] = {}
    for owner, type_ in given:
        fault = _fault_in(type_)
        if fault is not None:
            faults.append(f"channel {_place_of(type_)} ({owner}) {fault}")
            continue
        known = _known(type_, owner)
        other = by_shape.setdefault(known.shape, known)
        if other is not known:
            faults.append(
                f"two channels are called {known.name!r}: {_place_of(type(other.channel))} "
                f"({other.owner}) and {_place_of(type_)} ({owner}); rename one, or disable one of "
                "the plugins"
            )
    return ChannelNames(by_shape.values()), faults


def _known(type_: type[Channel], owner: str) -> Known:
    name = type_.name
    shape = _PLACE.sub("{}", name)
    pattern = None
    if shape != name:
        parts = _PLACE.split(name)
        # Every other part is the name of a place.
        text = "".join(
            f"(?P<{part}>[^:]+)" if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
        pattern = re.compile(text)
    return Known(type_(), owner, pattern, shape)


def _fault_in(type_: type[Channel]) -> str | None:
    name = getattr(type_, "name", None)
    if not isinstance(name, str) or not name:
        return "has no name; set name = '…' on it"
    places = _PLACE.findall(name)
    if len(set(places)) != len(places):
        return f"has the name {name!r}, in which two places are called the same; rename one"
    if not _LITERAL.fullmatch(_PLACE.sub("", name)):
        return (
            f"has the name {name!r}; there may be letters, digits, ':', '.', '_', '-' and places "
            "such as {id} in it"
        )
    history: object = type_.history
    if not isinstance(history, int) or history < 0:
        return f"has history = {history!r}; set it to how many broadcasts are kept, or 0"
    return None


def _place_of(type_: type) -> str:
    return f"{type_.__module__}.{type_.__qualname__}"
