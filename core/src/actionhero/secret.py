"""`Secret`: the mark of what is never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

Value = TypeVar("Value")


class SecretMarker:
    """Marks a field whose value is never shown; `Secret[...]` puts it on."""

    is_secret = True

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        schema["writeOnly"] = True
        if schema.get("type") == "string":
            schema.setdefault("format", "password")
        return schema

    def __repr__(self) -> str:
        return "SecretMarker()"


#: `password: Secret[str]`: the value is left out of logs, errors, listings and `repr`.
Secret = Annotated[Value, SecretMarker()]
