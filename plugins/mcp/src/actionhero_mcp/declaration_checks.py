"""The checks that all declarations share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from actionhero import Scope

#: The names that the APIs of models accept.
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_name(name: object) -> None:
    """Check the name of a tool or a prompt.

    Raises:
        ValueError: It is invalid.
    """
    if name is None:
        return
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"the name {name!r} is invalid; use 1 to 64 letters, digits, '_' and '-', as the APIs "
            "of models require"
        )


def check_scopes(scopes: object) -> None:
    """Check the scopes of a declaration.

    Raises:
        ValueError: They are no list of scopes.
    """
    if isinstance(scopes, str) or not isinstance(scopes, Iterable):
        raise ValueError(f"scopes is {scopes!r}; write a list, as in scopes=['messages:write']")
    for scope in scopes:
        Scope(scope)
