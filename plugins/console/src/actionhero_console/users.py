"""The text form of users, in addresses and in fields of panels."""

from __future__ import annotations

from typing import Any

from actionhero import MalformedRequest
from actionhero.transport import dumps, loads


def parse_user(text: str) -> Any:
    """Return the user that a text names, as on the command line.

    The user is a JSON value, such as `7`, or else the text itself; `None` stands for no user. Pages
    send users as texts, as browsers round large numbers.
    """
    text = text.strip()
    try:
        return loads(text.encode()) if text else None
    except MalformedRequest:
        return text


def user_text(user: Any) -> str:
    """Return the text that `parse_user` reads as a user; empty for `None`.

    Raises:
        TypeError: The user is not JSON serializable.
    """
    if user is None:
        return ""
    return user if isinstance(user, str) and parse_user(user) == user else dumps(user).decode()
