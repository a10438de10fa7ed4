"""The schema of an action's result."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from actionhero.inputs.annotations import with_portable_typed_dicts


class OutputSchema:
    """The return annotation of one action.

    Args:
        type_: The annotation; `None` without one.
    """

    def __init__(self, type_: Any) -> None:
        self.type = type_

    def json_schema(self, *, ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the result; `{}` if any value is possible."""
        if self.type is None or self.type is Any:
            return {}
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(with_portable_typed_dicts(self.type))
            return adapter.json_schema(mode="serialization", ref_template=ref_template)
        except PydanticUserError:
            # A response type of the transport, such as a file: no JSON, so no schema.
            return {}
