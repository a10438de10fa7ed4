"""OpenAPI for ActionHero. Authors of actions import `Operation`.

The other names are for packages that write documents of the same actions in another format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_openapi.breaking import Change as Change
    from actionhero_openapi.breaking import breaking_changes as breaking_changes
    from actionhero_openapi.compatibility import SchemaComparison as SchemaComparison
    from actionhero_openapi.document import OpenApiDocument as OpenApiDocument
    from actionhero_openapi.document import api_info as api_info
    from actionhero_openapi.document_files import document_command as document_command
    from actionhero_openapi.error_responses import error_schemas as error_schemas
    from actionhero_openapi.operation import Operation as Operation
    from actionhero_openapi.operation import operation_of as operation_of
    from actionhero_openapi.operations import result_type as result_type
    from actionhero_openapi.schemas import Components as Components
    from actionhero_openapi.schemas import reference as reference
    from actionhero_openapi.schemas import response_schema as response_schema
    from actionhero_openapi.schemas import transform as transform
    from actionhero_openapi.security import ApiSecurity as ApiSecurity
    from actionhero_openapi.security import session_cookie as session_cookie
    from actionhero_openapi.settings import OpenApiSettings as OpenApiSettings
    from actionhero_openapi.type_schemas import TypeSchemas as TypeSchemas

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".breaking": ["Change", "breaking_changes"],
        ".compatibility": ["SchemaComparison"],
        ".document": ["OpenApiDocument", "api_info"],
        ".document_files": ["document_command"],
        ".error_responses": ["error_schemas"],
        ".operation": ["Operation", "operation_of"],
        ".operations": ["result_type"],
        ".schemas": ["Components", "reference", "response_schema", "transform"],
        ".security": ["ApiSecurity", "session_cookie"],
        ".settings": ["OpenApiSettings"],
        ".type_schemas": ["TypeSchemas"],
    },
)
