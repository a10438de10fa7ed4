"""The action that returns the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from actionhero import Action, Application
from actionhero_openapi.operation import Operation
from actionhero_openapi.settings import OpenApiSettings

if TYPE_CHECKING:
    from actionhero import Call


class Swagger(Action):
    """Show the OpenAPI document of this API."""

    name = "swagger"
    # Plain data, so that a worker does not import the HTTP server.
    web: ClassVar = "GET /swagger"
    openapi = Operation(errors=[])

    async def run(self, call: Call) -> dict[str, Any]:
        """Return the document."""
        from actionhero_openapi.document import openapi_document

        return openapi_document(call.get(Application)).to_dict(call.connection)


def actions_for(app: Application) -> list[type[Action]]:
    """Return the actions enabled by the settings."""
    return [Swagger] if app.get(OpenApiSettings).serve else []
