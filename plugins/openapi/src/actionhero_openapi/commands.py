"""`actionhero openapi`: writes the document, or checks it for breaking changes."""

from __future__ import annotations

from typing import Final

from actionhero_openapi.breaking import breaking_changes
from actionhero_openapi.document import openapi_document
from actionhero_openapi.document_files import document_command

openapi: Final = document_command(
    "openapi",
    "OpenAPI 3",
    "Write the OpenAPI document of the actions, or check it for breaking changes.",
    lambda app: openapi_document(app).to_dict(),
    breaking_changes,
)
