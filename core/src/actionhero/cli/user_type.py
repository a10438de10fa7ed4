"""`UserType`: the type of an option or argument that names a user."""

from __future__ import annotations

from typing import Any

import click

from actionhero.errors import MalformedRequest
from actionhero.identity.principal import is_no_user
from actionhero.json import has_lone_surrogate, loads


class UserType(click.ParamType[Any]):
    """A user: a JSON value, such as `7`; text that is not JSON stands for itself."""

    name = "user"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the user.

        `null`, `false`, an empty text, one that is not UTF-8 and values that inputs refuse, such as
        `1e400`, are usage errors.
        """
        # Only commands with a user need it.
        from actionhero.inputs.unsupported import find_unsupported  # noqa: PLC0415

        if has_lone_surrogate(str(value)):
            self.fail("it is not UTF-8", param, ctx)
        try:
            user = loads(str(value).encode())
        except MalformedRequest:
            user = value
        if is_no_user(user):
            self.fail("it names no user", param, ctx)
        if find_unsupported({"user": user}):
            fault = "it contains a NUL character, a lone surrogate or a number out of range"
            self.fail(fault, param, ctx)
        return user
