"""The panel Sessions of the console: the sessions of a user, without identifiers and values."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actionhero import Field, Inputs, InvalidInput
from actionhero_console import CachedRead, Change, Panel, PanelContext, parse_user, user_text
from actionhero_sessions.sessions import Sessions

if TYPE_CHECKING:
    from actionhero import Application

#: How long the number of sessions is used again: it reads the names of all keys of Redis.
COUNT_SECONDS: Final = 30.0
#: The largest number of sessions.
MAX_COUNT: Final = 10_000
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


def sessions_panel(app: Application) -> Panel:
    """Return the panel."""

    async def count_sessions() -> dict[str, Any]:
        return asdict(await app.get(Sessions).count(MAX_COUNT))

    return Panel(
        "sessions",
        "Sessions",
        order=40,
        reads={"list": list_sessions, "count": CachedRead(count_sessions, COUNT_SECONDS)},
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
