"""`actionhero asyncapi`: writes the document, or checks it for breaking changes."""

from __future__ import annotations

from typing import Final

from actionhero_asyncapi.breaking import breaking_changes
from actionhero_asyncapi.document import AsyncApiDocument
from actionhero_openapi import document_command

asyncapi: Final = document_command(
    "asyncapi",
    "AsyncAPI 3",
    "Write the AsyncAPI document of channels and actions, or check it for breaking changes.",
    lambda app: AsyncApiDocument(app).to_dict(),
    breaking_changes,
)
