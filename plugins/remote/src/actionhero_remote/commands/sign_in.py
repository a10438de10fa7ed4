"""The sign-in by an action: its inputs are asked for, and its session cookie is the result."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from actionhero import ConfigurationError, MalformedRequest
from actionhero.transport import dumps, loads, run_interruptible
from actionhero_remote.commands.server import fetch_document
from actionhero_remote.credentials import Credential
from actionhero_remote.errors import ErrorResponse, is_error_document
from actionhero_remote.requests import ActionRequest
from actionhero_remote.response_bodies import read_body

if TYPE_CHECKING:
    import aiohttp

    from actionhero_remote.document import ApiDocument, RemoteAction
    from actionhero_remote.selection import ServerSelection


def sign_in(selection: ServerSelection, name: str) -> Credential:
    """Call an action that signs a user in, and return the session.

    Args:
        selection: The server.
        name: The name of the action.

    Raises:
        ErrorResponse: The action failed, for example because of a wrong password.
        ConfigurationError: There is no such action, or it sets no session cookie.
        InvalidInput: An input cannot be sent.
    """
    document = run_interruptible(fetch_document(selection))
    action = document.find(name)
    if action is None:
        raise ConfigurationError(f"{selection.url}: {document.unknown_message(name)}")
    request = ActionRequest(action, _read_inputs(action))
    return run_interruptible(_call(selection, document, request))


def _read_inputs(action: RemoteAction) -> dict[str, list[Any]]:
    """Return the required inputs, by prompts on a terminal, else from JSON on stdin."""
    if sys.stdin.isatty():
        return {
            each.name: [click.prompt(each.name, hide_input=each.is_secret, err=True)]
            for each in action.descriptions
            if each.required
        }
    try:
        values = loads(sys.stdin.buffer.read())
    except MalformedRequest as error:
        raise click.UsageError(f"stdin is no JSON object with inputs: {error.message}") from None
    if not isinstance(values, dict):
        raise click.UsageError("stdin is no JSON object with inputs")
    return {
        name: [value if isinstance(value, str) else dumps(value).decode()]
        for name, value in values.items()
    }


async def _call(
    selection: ServerSelection, document: ApiDocument, request: ActionRequest
) -> Credential:
    async with selection.connect() as server, server.call(document, request) as response:
        content = await read_body(response.content.iter_any())
        if response.status >= 400:
            try:
                value = loads(content)
            except MalformedRequest:
                value = None
            if is_error_document(value):
                raise ErrorResponse(value, response.status)
        return _session(response, document, selection)


def _session(
    response: aiohttp.ClientResponse, document: ApiDocument, selection: ServerSelection
) -> Credential:
    """Return the session cookie that a response sets."""
    names = [document.cookie] if document.cookie else list(response.cookies)
    for name in names:
        cookie = response.cookies.get(name)
        if cookie is not None and cookie.value:
            return Credential(cookie.coded_value, "session", name)
    raise ConfigurationError(
        f"the action set no session cookie (status {response.status} of {selection.url}); use the "
        "action that signs users in, or a token"
    )
