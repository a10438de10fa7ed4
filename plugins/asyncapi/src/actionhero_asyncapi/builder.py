"""`DocumentBuilder`: builds the AsyncAPI 3.0 document of an application.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero_asyncapi.actions import ActionMessages, is_callable
from actionhero_asyncapi.channels import (
    SHARED_MESSAGES,
    broadcast_event,
    broadcast_message,
    channel_definition,
)
from actionhero_asyncapi.messages import (
    CORRELATION,
    REQUESTS,
    event_messages,
    free_key,
    identifier,
    protocol_messages,
    to_draft_7,
)
from actionhero_asyncapi.security import (
    AUTHENTICATION,
    authentication_messages,
    security_scheme,
)
from actionhero_asyncapi.servers import event_path, servers_of
from actionhero_channels import ChannelsSettings, load_registry
from actionhero_openapi import (
    ApiSecurity,
    Components,
    TypeSchemas,
    api_info,
    error_schemas,
    operation_of,
    result_type,
    session_cookie,
    transform,
)
from actionhero_web import WebSettings
from actionhero_websocket import WebSocketSettings, is_exposed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actionhero import Application
    from actionhero_channels import Channel

ASYNCAPI_VERSION: Final = "3.0.0"
#: The key of the channel of a whole socket.
SOCKET: Final = "socket"


class DocumentBuilder:
    """Builds the document of an application.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        documented = [action for action in app.actions if not operation_of(action).hidden]
        has_sockets = app.has(WebSocketSettings)
        self._actions = [
            action
            for action in documented
            if has_sockets and is_exposed(action) and is_callable(action)
        ]
        has_channels = app.has(ChannelsSettings)
        self._declared = sorted(
            (each.channel for each in load_registry(app)[0].channels) if has_channels else (),
            key=lambda channel: channel.name,
        )
        self._event_path = event_path(app, documented)
        # The same types as in the OpenAPI document, so that their schemas have the same names.
        types: dict[Any, Any] = {}
        for action in documented:
            types[action.name, "validation"] = action.inputs.type
            types[action.name, "serialization"] = result_type(action)
        for channel in self._declared:
            types[_type_key(channel), "serialization"] = channel.message
        errors = error_schemas(app.get(WebSettings).response_format)
        self._types = TypeSchemas(types, errors)
        self._errors = errors
        self._components = Components(self._types.definitions)
        self._messages: dict[str, dict[str, Any]] = {}
        self._channels: dict[str, dict[str, Any]] = {}
        self._operations: dict[str, dict[str, Any]] = {}
        self._security = ApiSecurity(app)
        #: The names of the security schemes that actions require.
        self._used_schemes: set[str] = set()
        self._servers = servers_of(app, sockets=has_sockets, events=self._event_path is not None)

    def build(self) -> dict[str, Any]:
        """Return the document."""
        if self._app.has(WebSocketSettings):
            self._add_socket()
            for channel in self._declared:
                self._add_channel(channel)
        if self._event_path is not None:
            self._messages |= event_messages()
            for channel in self._declared:
                self._add_event_stream(channel, self._event_path)
        components: dict[str, Any] = {
            "messages": {
                name: each | {"payload": transform(each["payload"], to_draft_7)}
                for name, each in sorted(self._messages.items())
            },
            "schemas": {
                name: transform(schema, to_draft_7)
                for name, schema in sorted((self._errors | self._components.schemas).items())
            },
            "correlationIds": CORRELATION,
        }
        if self._used_schemes:
            schemes = self._security.schemes(session_cookie(self._app))
            components["securitySchemes"] = {
                name: security_scheme(scheme)
                for name, scheme in schemes.items()
                if name in self._used_schemes
            }
        return {
            "asyncapi": ASYNCAPI_VERSION,
            "info": api_info(self._app),
            "defaultContentType": "application/json",
            "servers": self._servers,
            "channels": self._channels,
            "operations": self._operations,
            "components": components,
        }

    # -- WebSocket -----------------------------------------------------------------------------

    def _add_socket(self) -> None:
        """Add the channel of a whole socket, with its requests, replies and direct messages."""
        self._messages |= protocol_messages()
        requests: Mapping[str, Iterable[str]] = REQUESTS
        if self._security.reads_credentials:
            self._messages |= authentication_messages()
            requests = REQUESTS | AUTHENTICATION
        names = [name for name in self._messages if name not in {"presence", "gap"}]
        self._channels[SOCKET] = {
            "address": "/",
            "title": "A socket",
            "description": "The requests of a client, their replies, and messages to this client.",
            "servers": self._server_references("ws", "wss"),
            "messages": _references(names),
            "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
        }
        for name, replies in requests.items():
            self._add_request(name, self._messages[name]["summary"], name, replies)
        operation = self._add_sending("direct", SOCKET, ["direct"])
        operation["summary"] = self._messages["direct"]["summary"]
        self._add_calls()

    def _add_calls(self) -> None:
        """Add the calls of actions."""
        messages = ActionMessages(self._types, self._components)
        for action in self._actions:
            operation_key = free_key(f"call_{identifier(action.name)}", self._operations)
            key = operation_key.removeprefix("call_")
            request, reply = messages.request(action, key), messages.reply(action, key)
            for each in (request, reply):
                self._messages[each["name"]] = each
                self._channels[SOCKET]["messages"] |= _references([each["name"]])
            replies = (reply["name"], *(["stream_end"] if action.streams else []), "error")
            operation = self._add_request(operation_key, action.name, request["name"], replies)
            if action.description:
                operation["description"] = action.description
            tags = operation_of(action).tags
            groups = [action.base_name.partition(":")[0]] if tags is None else tags
            operation["tags"] = [{"name": group} for group in groups]
            names = list(dict.fromkeys(name for each in self._security.of(action) for name in each))
            if names:
                self._used_schemes.update(names)
                operation["security"] = [
                    {"$ref": f"#/components/securitySchemes/{name}"} for name in names
                ]

    def _add_request(
        self, key: str, summary: str, request: str, replies: Iterable[str]
    ) -> dict[str, Any]:
        """Add an operation with a request over a socket, and return it."""
        channel = {"$ref": f"#/channels/{SOCKET}"}
        operation = self._operations[key] = {
            "action": "receive",
            "channel": channel,
            "summary": summary,
            "messages": [_in_channel(SOCKET, request)],
            "reply": {
                "channel": channel,
                "messages": [_in_channel(SOCKET, name) for name in replies],
            },
        }
        return operation

    def _add_channel(self, channel: Channel) -> None:
        """Add a channel with its broadcasts to subscribers over WebSocket."""
        key = free_key(identifier(channel.name), self._channels)
        broadcast = broadcast_message(f"{key}_broadcast", self._content(channel))
        self._add_broadcasts(
            key,
            channel_definition(channel, channel.name)
            | {"servers": self._server_references("ws", "wss")},
            broadcast,
            SHARED_MESSAGES,
        )
        self._operations[f"broadcast_{key}"]["summary"] = f"Broadcasts of {channel.name!r}."

    # -- server-sent events --------------------------------------------------------------------

    def _add_event_stream(self, channel: Channel, path: str) -> None:
        """Add the stream of server-sent events of a channel."""
        key = free_key(f"events_{identifier(channel.name)}", self._channels)
        address = path.replace("{channel}", channel.name)
        broadcast = broadcast_event(f"{key}_broadcast", self._content(channel))
        self._add_broadcasts(
            key,
            channel_definition(channel, address)
            | {"servers": self._server_references("http", "https")},
            broadcast,
            tuple(event_messages()),
        )
        operation = self._operations[f"broadcast_{key}"]
        operation["summary"] = f"Server-sent events of {channel.name!r}."
        operation["bindings"] = {"http": {"method": "GET", "bindingVersion": "0.3.0"}}

    # -- parts ---------------------------------------------------------------------------------

    def _add_broadcasts(
        self,
        key: str,
        definition: dict[str, Any],
        broadcast: dict[str, Any],
        others: Sequence[str],
    ) -> None:
        self._messages[broadcast["name"]] = broadcast
        names = [broadcast["name"], *others]
        self._channels[key] = definition | {"messages": _references(names)}
        self._add_sending(f"broadcast_{key}", key, names)

    def _add_sending(self, key: str, channel: str, names: Iterable[str]) -> dict[str, Any]:
        """Add an operation in which the server sends messages, and return it."""
        operation = self._operations[key] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{channel}"},
            "messages": [_in_channel(channel, name) for name in names],
        }
        return operation

    def _content(self, channel: Channel) -> dict[str, Any]:
        """Return the schema of the messages of a channel."""
        return self._components.response(self._types.get(_type_key(channel), "serialization"))

    def _server_references(self, *protocols: str) -> list[dict[str, str]]:
        return [
            {"$ref": f"#/servers/{name}"}
            for name, server in self._servers.items()
            if server["protocol"] in protocols
        ]


def _type_key(channel: Channel) -> str:
    # A name that no action can have.
    return f"channel {channel.name}"


def _references(names: Iterable[str]) -> dict[str, dict[str, str]]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _in_channel(channel: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{channel}/messages/{name}"}
