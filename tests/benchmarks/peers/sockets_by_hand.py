"""The same on aiohttp, as its manual shows: the loop and the JSON of Python, `gather(send_str)`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from aiohttp import WSMsgType, web
from pydantic import BaseModel, Field, ValidationError
from tests.benchmarks.peers import work

subscribers: dict[str, set[web.WebSocketResponse]] = {}


class NewUser(BaseModel):
    """The inputs of a new user."""

    name: str = Field(min_length=3)
    email: str = Field(pattern=work.EMAIL)
    password: str = Field(min_length=8)


def act(message: dict[str, Any]) -> dict[str, Any]:
    """Return the response to a message that calls an action."""
    number = message.get("messageId")
    try:
        inputs = NewUser.model_validate(message["params"])
    except ValidationError as error:
        return {"messageId": number, "error": error.errors(include_input=False)}
    user = work.new_user(inputs.name, inputs.email)
    return {"messageId": number, "response": {"user": user}}


async def talk(request: web.Request) -> web.WebSocketResponse:
    """Serve one socket."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    try:
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            message = json.loads(frame.data)
            channel = message.get("channel", "news")
            if message["messageType"] == "subscribe":
                subscribers.setdefault(channel, set()).add(socket)
                response = {
                    "messageId": message.get("messageId"),
                    "subscribed": {"channel": channel},
                }
                await socket.send_json(response)
            elif message["action"] == "publish":
                broadcast = {"channel": channel, "message": message["params"]["text"]}
                text = json.dumps({"message": broadcast})
                await asyncio.gather(*(each.send_str(text) for each in subscribers[channel]))
                await socket.send_json({"messageId": message.get("messageId"), "response": {}})
            else:
                await socket.send_json(act(message))
    finally:
        for sockets in subscribers.values():
            sockets.discard(socket)
    return socket


async def about(request: web.Request) -> web.Response:
    """Respond that the server is running."""
    return web.json_response(work.about())


def main() -> None:
    """Serve on the given port."""
    application = web.Application()
    application.add_routes([web.get("/ws", talk), web.get("/api/about", about)])
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
