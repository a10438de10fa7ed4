"""The same on FastAPI, as its manual shows."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from tests.benchmarks.peers import work
from tests.benchmarks.peers.sockets_by_hand import act

app = FastAPI()
subscribers: dict[str, set[WebSocket]] = {}


@app.get("/api/about")
async def about() -> dict[str, Any]:
    """Respond that the server is running."""
    return {**work.about()}


@app.websocket("/ws")
async def talk(socket: WebSocket) -> None:
    """Serve one socket."""
    await socket.accept()
    try:
        while True:
            message = await socket.receive_json()
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
                await asyncio.gather(*(each.send_text(text) for each in subscribers[channel]))
                await socket.send_json({"messageId": message.get("messageId"), "response": {}})
            else:
                await socket.send_json(act(message))
    except WebSocketDisconnect:
        pass
    finally:
        for sockets in subscribers.values():
            sockets.discard(socket)
