"""Questions to users, and the state between two requests."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from plugins.mcp.tests.conftest import META, TokensPlugin, meta, request

from actionhero import Action, Call, ConnectionTypeNotFound, Inputs, Principal, TypedError
from actionhero.testing import running_app
from actionhero_mcp import mcp_client
from actionhero_mcp import plugin as mcp_plugin
from actionhero_mcp.elicitation import form_of
from actionhero_mcp.input_requests import caller_of
from actionhero_mcp.signing import Signer
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from plugins.mcp.tests.conftest import Serve

CAN_ASK = {"_meta": meta(elicitation={})}
CALL = {**CAN_ASK, "name": "delete", "arguments": {}}


class Confirm(Inputs):
    """A confirmation."""

    sure: bool
    reason: str = ""


class Delete(Action):
    """Delete messages, after two questions."""

    name = "delete"
    web = "DELETE /messages"
    mcp = True
    runs = 0

    async def run(self, call: Call) -> str:
        Delete.runs += 1
        first = await call.ask("Delete 40 messages?", Confirm)
        if first.value is None:
            return first.action
        second = await call.ask("Really?", Confirm, key="again")
        return f"{first.value.sure} {first.value.reason} {second.action}"


def accept(**content: Any) -> dict[str, Any]:
    """Return the answer of a user."""
    return {"action": "accept", "content": content}


async def test_a_call_runs_again_with_the_answers(serve: Serve) -> None:
    """Earlier answers travel in the state, which the client cannot change."""
    Delete.runs = 0
    async with serve(Delete) as site:
        first = (await site.new("tools/call", CALL)).body["result"]
        state = first["requestState"]
        answers = {"input-1": accept(sure=True, reason="old")}
        second = (
            await site.new("tools/call", {**CALL, "inputResponses": answers, "requestState": state})
        ).body["result"]
        answers, state = {"again": {"action": "decline"}}, second["requestState"]
        third = (
            await site.new("tools/call", {**CALL, "inputResponses": answers, "requestState": state})
        ).body["result"]

    assert first["resultType"] == "input_required"
    assert first["inputRequests"] == {
        "input-1": {
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": "Delete 40 messages?",
                "requestedSchema": {
                    "type": "object",
                    "properties": {
                        "sure": {"type": "boolean"},
                        "reason": {"type": "string", "default": ""},
                    },
                    "required": ["sure"],
                },
            },
        }
    }
    assert list(second["inputRequests"]) == ["again"]
    assert third["content"][0]["text"] == "True old decline"
    assert Delete.runs == 3


@pytest.mark.parametrize("fault", ["forged", "other arguments", "other caller", "no object"])
async def test_a_state_is_refused(serve: Serve, fault: str) -> None:
    async with serve(Delete, TokensPlugin()) as site:
        first = (await site.new("tools/call", CALL, Authorization="Bearer 7-a")).body["result"]
        again = {**CALL, "requestState": first["requestState"], "inputResponses": {}}
        user = "Bearer 8-a" if fault == "other caller" else "Bearer 7-a"
        if fault == "forged":
            again["requestState"] += "x"
        if fault == "other arguments":
            again["arguments"] = {"all": True}
        if fault == "no object":
            again["inputResponses"] = {"input-1": 1}
        reply = await site.new("tools/call", again, Authorization=user)

    assert (reply.status, reply.body["error"]["code"]) == (400, -32602)


async def test_an_invalid_answer_is_asked_for_again(serve: Serve) -> None:
    async with serve(Delete) as site:
        answers = {"input-1": accept(sure="perhaps"), "unknown": accept()}
        reply = await site.new("tools/call", {**CALL, "inputResponses": answers})

    assert list(reply.body["result"]["inputRequests"]) == ["input-1"]


async def test_a_client_that_cannot_ask(serve: Serve) -> None:
    """It is an error of the protocol, or in older revisions of the tool."""
    async with serve(Delete) as site:
        modern = await site.new("tools/call", {"name": "delete"})
        only_urls = {"_meta": meta(elicitation={"url": {}}), "name": "delete"}
        urls = await site.new("tools/call", only_urls)
        older = await site.old("tools/call", {"name": "delete"})
        over_http = await site.client.delete(site.url.replace("/mcp", "/api/messages"))

    for reply in (modern, urls):
        assert (reply.status, reply.body["error"]["code"]) == (400, -32021)
        assert reply.body["error"]["data"] == {"requiredCapabilities": {"elicitation": {}}}
    assert older.body["result"]["isError"] is True
    assert over_http.status == 406


async def test_older_clients_are_asked_during_the_call(serve: Serve) -> None:
    """The response may come over another connection."""
    async with serve(Delete) as site:
        opening = {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}}
        opened = await site.old("initialize", opening)
        headers = {
            "Content-Type": "application/json",
            "Mcp-Session-Id": opened.headers["Mcp-Session-Id"],
            "MCP-Protocol-Version": "2025-11-25",
        }
        body = request("tools/call", {"name": "delete"}, 5)
        messages = []
        async with site.client.post(site.url, json=body, headers=headers) as response:
            async for line in response.content:
                if not line.startswith(b"data: "):
                    continue
                messages.append(message := json.loads(line[6:]))
                if "method" in message:
                    answer = {"jsonrpc": "2.0", "id": message["id"], "result": accept(sure=True)}
                    reply = await site.post(answer, **headers)
                    assert reply.status == 202

    assert [message.get("method") for message in messages] == ["elicitation/create"] * 2 + [None]
    assert messages[-1]["id"] == 5
    assert messages[-1]["result"]["content"][0]["text"] == "True  accept"


async def test_a_test_answers_questions() -> None:
    """By their keys, in the process of the test."""
    async with running_app(web_plugin, mcp_plugin, Delete) as app:
        answers = {"input-1": {"sure": True, "reason": "old"}, "again": {"sure": False}}
        async with mcp_client(app, user=1, answers=answers) as client:
            answered = await client.call("delete")
        async with mcp_client(app) as client:
            asked = await client.call("delete")
            with pytest.raises(TypedError, match="Unknown tool: delte; did you mean 'delete'"):
                await client.call("delte")
        with pytest.raises(ConnectionTypeNotFound, match="'test' does not support"):
            await app.call("delete")

    assert answered == "True old accept"
    assert asked["resultType"] == "input_required"


class Together(Action):
    """Ask two things at once."""

    name = "together"
    mcp = True

    async def run(self, call: Call) -> str:
        one, two = await asyncio.gather(
            call.ask("One?", Confirm, key="one"), call.ask("Two?", Confirm, key="two")
        )
        return f"{one.action} {two.action}"


async def test_questions_at_the_same_time_are_asked_together(serve: Serve) -> None:
    async with serve(Together) as site:
        reply = await site.new("tools/call", {**CAN_ASK, "name": "together"})

    assert reply.body["result"]["inputRequests"].keys() == {"one", "two"}


def test_forms_have_simple_fields_only() -> None:
    class Nested(Inputs):
        """Nested."""

        confirm: Confirm

    with pytest.raises(Exception, match=r"the field 'confirm' of .*Nested' is no text"):
        form_of(Nested)


def test_signed_values_have_a_purpose_and_an_end() -> None:
    signer, other = Signer([b"key"]), Signer([b"new key", b"key"])
    token = signer.sign("state", {"a": 1}, 60)

    assert signer.verify("state", token) == other.verify("state", token) == {"a": 1}
    assert signer.verify("session", token) is None
    assert signer.verify("state", signer.sign("state", {}, -1)) is None
    assert Signer([b"another"]).verify("state", token) is None
    assert token.isascii()
    assert META


def test_signed_values_are_bound_to_one_user() -> None:
    """The number 7 and the text "7" are two of them."""
    callers = [caller_of(Principal(user)) for user in (7, "7", 8, None)]

    assert len(set(callers)) == 4
    assert callers[-1] == ""
