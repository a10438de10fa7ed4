"""What an action returns, and how it becomes JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError

from actionhero import json
from actionhero.annotations import portable


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


def encode(value: Any) -> bytes:
    """Return `value` as compact JSON; `None` is told as an empty object.

    Raises:
        TypeError: Something in `value` cannot be written as JSON; the message names its type.
    """
    if value is None:
        return b"{}"
    if isinstance(value, BaseModel):
        # The model's own serializer, in one step: aliases, computed fields, custom serializers.
        try:
            return value.__pydantic_serializer__.to_json(value, by_alias=True)
        except ValueError:
            # Perhaps no more than a lone surrogate, which the writer below repairs.
            return json.dumps(value)
    return json.dumps(value)
