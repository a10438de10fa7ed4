"""The panel Channels of the console: subscribers, presence, and broadcasts of all processes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actionhero import Field, Inputs, InvalidInput
from actionhero.transport import loads
from actionhero_channels.channels import Channels
from actionhero_console import Change, Panel, PanelContext, Read

if TYPE_CHECKING:
    from actionhero import Application

_ASSETS: Final = Path(__file__).parent / "assets"
#: How many channels with a value for their placeholders are listed.
MAX_OPEN: Final = 100
#: How many of them a process answers with.
MAX_ANSWERED: Final = 2000
#: How many presence keys of a channel are listed.
MAX_MEMBERS: Final = 100


class MembersInputs(Inputs):
    """A channel, without placeholders."""

    channel: str = Field(max_length=300)


class MessagesInputs(MembersInputs):
    """The messages of a channel since earlier reads."""

    #: By the view that a process has of the channel, the number of the last message.
    after: dict[str, int] = Field(default_factory=dict, max_length=100)


class BroadcastInputs(MembersInputs):
    """A broadcast."""

    #: As JSON text: a page rounds large numbers.
    message: str = Field(max_length=1_000_000)
    sender: str = Field(default="operator", min_length=1, max_length=100)


def channels_panel(app: Application) -> Panel:
    """Return the panel."""

    def snapshot() -> list[dict[str, Any]]:
        if not app.has(Channels):
            return []
        channels = app.get(Channels).snapshot()
        limit = max(MAX_ANSWERED // max(len(channels), 1), MAX_OPEN)
        return [
            {
                **each._asdict(),
                "open": dict(Counter(each.open).most_common(limit)),
                "open_count": len(each.open),
            }
            for each in channels
        ]

    return Panel(
        "channels",
        "Channels",
        order=35,
        reads={
            "list": list_channels,
            "members": list_members,
            "messages": Read(read_messages, role="admin"),
        },
        changes={
            "broadcast": Change(
                broadcast, role="admin", target="channel {channel}",
                confirm="Send this message to all subscribers of {channel}?",
            )
        },
        answers={"snapshot": snapshot},
        assets=_ASSETS,
    )  # fmt: skip


async def list_channels(context: PanelContext) -> dict[str, Any]:
    """Return the channels, with the sums of all processes."""
    answers = await context.ask("snapshot")
    numbers: dict[str, Counter[str]] = {}
    opened: dict[str, Counter[str]] = {}
    counts: Counter[str] = Counter()
    for snapshot in answers.values:
        for channel in snapshot:
            sums = numbers.setdefault(channel["name"], Counter())
            for key in ("subscribers", "broadcasts", "gaps"):
                sums[key] += channel[key]
            opened.setdefault(channel["name"], Counter()).update(channel["open"])
            counts[channel["name"]] = max(counts[channel["name"]], channel["open_count"])
    channels = [
        {
            "name": name,
            "subscribers": sums["subscribers"],
            "broadcasts": sums["broadcasts"],
            "gaps": sums["gaps"],
            # At least: the same channel may be open in several processes.
            "open_count": max(len(opened[name]), counts[name]),
            "open": [
                {"name": each, "subscribers": count}
                for each, count in opened[name].most_common(MAX_OPEN)
            ],
        }
        for name, sums in numbers.items()
    ]
    return {
        "channels": channels,
        "processes": len(answers.answers),
        "missing": answers.unanswered,
        "asked_ms": answers.asked_ms,
        "only_this_process": answers.only_this_process,
    }


async def list_members(inputs: MembersInputs, context: PanelContext) -> dict[str, Any]:
    """Return the presence keys of a channel."""
    members = await context.app.get(Channels).members(inputs.channel)
    return {
        "channel": inputs.channel,
        "count": len(members),
        "members": members[:MAX_MEMBERS],
    }


async def read_messages(inputs: MessagesInputs, context: PanelContext) -> dict[str, Any]:
    """Return the live messages of a channel."""
    return await context.app.get(Channels).live_messages.read(inputs.channel, inputs.after)


async def broadcast(inputs: BroadcastInputs, context: PanelContext) -> dict[str, str]:
    """Send a message to all subscribers of a channel."""
    try:
        id = await context.app.get(Channels).broadcast(
            inputs.channel, loads(inputs.message.encode()), sender=inputs.sender
        )
    except ValueError as error:
        raise InvalidInput(str(error), key="channel") from None
    return {"id": id}
