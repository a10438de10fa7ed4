"""The schema of an action's result."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from actionhero.inputs.annotations import portable


class OutputSchema:
    """The return annotation of one action.

    Args:
        type_: The annotation; `None` where the author wrote none.
    """

    def __init__(self, type_: Any) -> None:
        self.type = type_

    def json_schema(self, *, ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the answer; `{}` where anything may come."""
        if self.type is None or self.type is Any:
            return {}
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(portable(self.type))
            return adapter.json_schema(mode="serialization", ref_template=ref_template)
        except PydanticUserError:
            # The door's own kind of answer, such as a file: no JSON, so no schema.
            return {}
