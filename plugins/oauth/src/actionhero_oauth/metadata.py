"""The metadata documents of the authorization server and of its resources (RFC 8414, RFC 9728)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from actionhero_oauth.authorization_server import AuthorizationServer

#: The paths of the documents; the path of the issuer, or of the resource, follows.
SERVER_PATH = "/.well-known/oauth-authorization-server"
RESOURCE_PATH = "/.well-known/oauth-protected-resource"


def server_metadata(server: AuthorizationServer) -> dict[str, Any]:
    """Return the document of the authorization server (RFC 8414 §2, RFC 9207 §3)."""
    settings, base = server.settings, f"{server.issuer}/oauth"
    methods = ["none"]
    if server.clients.has_secrets:
        methods += ["client_secret_basic", "client_secret_post"]
    document: dict[str, Any] = {
        "issuer": server.issuer,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "revocation_endpoint": f"{base}/revoke",
        "scopes_supported": list(settings.scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "protected_resources": server.resources.urls,
    }
    if settings.registration:
        document["registration_endpoint"] = f"{base}/register"
    if settings.introspection:
        document["introspection_endpoint"] = f"{base}/introspect"
    return document


def resource_metadata(server: AuthorizationServer, resource: str) -> dict[str, Any]:
    """Return the document of a resource (RFC 9728 §2)."""
    return {
        "resource": resource,
        "authorization_servers": [server.issuer],
        "scopes_supported": list(server.settings.scopes),
        "bearer_methods_supported": ["header"],
    }


def resource_metadata_url(resource: str) -> str:
    """Return the URL of the document of a resource (RFC 9728 §3.1)."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{RESOURCE_PATH}{parts.path.rstrip('/')}"
