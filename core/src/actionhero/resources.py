"""What initializers provide, reached by its type."""

from __future__ import annotations

from typing import Any, TypeVar

from actionhero.errors import BootError

Resource = TypeVar("Resource")


class Resources:
    """Values by their type: one of each."""

    def __init__(self) -> None:
        self._values: dict[type, Any] = {}

    def provide(self, type_: type[Resource], value: Resource) -> None:
        """Make `value` reachable as `type_`; a later one takes the place of an earlier."""
        self._values[type_] = value

    def get(self, type_: type[Resource]) -> Resource:
        """Return what was provided as `type_`.

        Raises:
            BootError: Nothing was. The message lists what there is.
        """
        try:
            value: Resource = self._values[type_]
        except KeyError:
            known = ", ".join(sorted(known.__name__ for known in self._values)) or "nothing"
            raise BootError(
                f"nothing provides {type_.__name__!r}; there are: {known}. Install and enable the "
                "plugin whose initializer provides it, or call app.provide in one of yours"
            ) from None
        return value

    def __contains__(self, type_: type) -> bool:
        return type_ in self._values
