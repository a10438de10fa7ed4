"""Security schemes in the form of AsyncAPI, and the messages that authenticate a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero_asyncapi.messages import (
    MESSAGE_ID,
    message,
    object_schema,
    value_of_message_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The request of clients that cannot set headers, with the names of its replies.
AUTHENTICATION: Final = {"authenticate": ("authenticated", "error")}


def security_scheme(scheme: Mapping[str, Any]) -> dict[str, Any]:
    """Return a security scheme of OpenAPI as one of AsyncAPI, with its names."""
    if scheme.get("type") == "apiKey":
        return {**scheme, "type": "httpApiKey"}
    if scheme.get("type") == "oauth2":
        flows = {name: _flow(flow) for name, flow in scheme.get("flows", {}).items()}
        return {**scheme, "flows": flows}
    return dict(scheme)


def _flow(flow: Mapping[str, Any]) -> dict[str, Any]:
    return {"availableScopes" if key == "scopes" else key: value for key, value in flow.items()}


def authentication_messages() -> dict[str, dict[str, Any]]:
    """Return the messages by which a client authenticates an open socket, by name."""
    text = {"type": "string", "minLength": 1}
    scheme = text | {"description": "The scheme of the credentials; `bearer` if omitted."}
    principal = object_schema(
        "user",
        user={"description": "The user, any JSON value."},
        scopes={
            "type": ["array", "null"],
            "items": {"type": "string"},
            "description": "The scopes; `null` if the credentials are not limited by scopes.",
        },
    )
    return {
        "authenticate": message(
            "authenticate",
            "Send credentials, for clients that cannot set headers of the handshake.",
            object_schema(
                "messageType token",
                messageType=value_of_message_type("authenticate"),
                messageId=MESSAGE_ID, token=text, scheme=scheme,
            ),
            correlated=True,
        ),
        "authenticated": message(
            "authenticated",
            "Confirms the credentials.",
            object_schema("authenticated", messageId=MESSAGE_ID, authenticated=principal),
            correlated=True,
        ),
    }  # fmt: skip
