"""The panel Sessions of the console: the sessions of a user, without identifiers and values."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from actionhero import Field, Inputs, InvalidInput
from actionhero_console import Change, Panel, PanelContext, parse_user, user_text
from actionhero_sessions.sessions import Sessions

_ASSETS: Final = Path(__file__).parent / "assets"


class ListInputs(Inputs):
    """The user whose sessions are listed."""

    #: As `parse_user` reads it; empty: none.
    user: str = Field(default="", max_length=500)


class UserInputs(Inputs):
    """A user, as `parse_user` reads it."""

    user: str = Field(min_length=1, max_length=500)


class SessionInputs(UserInputs):
    """A session of a user."""

    handle: str = Field(pattern=r"^[0-9a-f]{16}$")


def sessions_panel() -> Panel:
    """Return the panel."""
    return Panel(
        "sessions",
        "Sessions",
        order=40,
        reads={"list": list_sessions, "count": count_sessions},
        changes={
            "end": Change(
                end_session, target="a session of user {user}", confirm="End this session?"
            ),
            "end_all": Change(
                end_sessions, target="all sessions of user {user}",
                confirm="End all sessions of user {user}?",
            ),
        },
        assets=_ASSETS,
    )  # fmt: skip


async def list_sessions(inputs: ListInputs, context: PanelContext) -> dict[str, Any]:
    """Return the sessions of a user."""
    user = parse_user(inputs.user)
    sessions = [] if user is None else await context.app.get(Sessions).of(user)
    return {"user": user_text(user), "sessions": [summary._asdict() for summary in sessions]}


async def count_sessions(context: PanelContext) -> dict[str, Any]:
    """Return the number of all sessions, up to 10,000."""
    count = await context.app.get(Sessions).count(10_000)
    return asdict(count)


async def end_session(inputs: SessionInputs, context: PanelContext) -> dict[str, bool]:
    """End one session of a user."""
    return {"ended": await context.app.get(Sessions).end(_user_of(inputs), inputs.handle)}


async def end_sessions(inputs: UserInputs, context: PanelContext) -> dict[str, int]:
    """End all sessions of a user."""
    return {"ended": await context.app.get(Sessions).destroy_all(_user_of(inputs))}


def _user_of(inputs: UserInputs) -> Any:
    user = parse_user(inputs.user)
    if user is None:
        raise InvalidInput("it names no user", key="user")
    return user
