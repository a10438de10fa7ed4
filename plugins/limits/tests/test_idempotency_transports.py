"""`Idempotent` over HTTP and WebSocket, in the OpenAPI document, and on the command line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from pydantic import BaseModel

import actionhero_channels.plugin
import actionhero_limits.plugin
import actionhero_openapi.plugin
import actionhero_redis.plugin
import actionhero_web.plugin
import actionhero_websocket.plugin
from actionhero import Action, Call, Conflict, Inputs, RunMode, TypedError
from actionhero.testing import running_app
from actionhero_limits import Idempotent
from actionhero_openapi import OpenApiDocument
from actionhero_web import Route
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis


class PaymentInputs(Inputs):
    amount: float
    fail: bool = False


class Payment(BaseModel):
    number: int
    amount: float


payments: list[float] = []


def status_of(payment: Payment) -> int:
    """Return the status of a payment, by its value."""
    return 202 if payment.amount > 100 else 201


class Pay(Action):
    """Pay an amount."""

    name = "pay"
    web = Route.post("/payments", status=status_of)
    middleware = [Idempotent(required=True)]

    async def run(self, inputs: PaymentInputs, call: Call) -> Payment:
        payments.append(inputs.amount)
        if inputs.fail:
            raise Conflict("not enough money", key="amount", value=inputs.amount)
        return Payment(number=len(payments), amount=inputs.amount)


class Refuse(Action):
    """Fail."""

    name = "refuse"
    web = "POST /refusals"
    middleware = [Idempotent()]

    async def run(self) -> None:
        raise TypedError("failed")


class Plain(Action):
    """Return the number of payments."""

    name = "plain"
    web = "GET /payments"

    async def run(self) -> int:
        return len(payments)


@pytest.fixture(params=["standard", "actionhero"])
def error_format(request: pytest.FixtureRequest) -> str:
    """The format of errors."""
    return str(request.param)


@contextlib.asynccontextmanager
async def serving(**settings: str) -> AsyncIterator[tuple[RunningApp, aiohttp.ClientSession]]:
    """Run a server, and a client for it."""
    payments.clear()
    environ = {
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_WEB__PORT": "0",
        **{f"ACTIONHERO_{name}": value for name, value in settings.items()},
    }
    plugins = [
        actionhero_redis.plugin,
        actionhero_limits.plugin,
        actionhero_web.plugin,
        actionhero_openapi.plugin,
        actionhero_channels.plugin,
        actionhero_websocket.plugin,
    ]
    async with running_app(
        *plugins, Pay, Refuse, Plain, mode=RunMode.SERVER, environ=environ
    ) as app:
        [server] = [each for each in app.app.servers if isinstance(each, WebServer)]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
            yield app, client


async def post(
    client: aiohttp.ClientSession, key: str | None = '"k"', *, path: str = "payments", **inputs: Any
) -> tuple[int, bytes, Any]:
    """Send a request, and return the status, the body and the headers of its response."""
    headers = {} if key is None else {"Idempotency-Key": key}
    async with client.post(f"/api/{path}", json=inputs, headers=headers) as response:
        return response.status, await response.read(), response.headers


@pytest.mark.parametrize("amount", [pytest.param(1, id="201"), pytest.param(1000, id="202")])
async def test_a_repetition_gets_the_same_response(error_format: str, amount: int) -> None:
    """Byte for byte, with the status that a function of the route computes."""
    async with serving(WEB__ERROR_FORMAT=error_format) as (_, client):
        first, second = [await post(client, amount=amount) for _ in range(2)]
        bare = await post(client, "k", amount=amount)

    assert first[:2] == second[:2] == bare[:2]
    assert "Idempotency-Replayed" not in first[2]
    assert second[2]["Idempotency-Replayed"] == bare[2]["Idempotency-Replayed"] == "true"
    assert payments == [amount]
    assert json.loads(first[1]) == {"number": 1, "amount": amount}
    if error_format == "standard":
        assert first[0] == (202 if amount > 100 else 201)


async def test_a_repetition_gets_the_same_error(error_format: str) -> None:
    """Byte for byte too: with its time, and the identifier of the first request."""
    async with serving(WEB__ERROR_FORMAT=error_format) as (_, client):
        first, second = [await post(client, amount=1, fail=True) for _ in range(2)]
        headers = {"Idempotency-Key": '"k"', "Accept": "application/problem+json"}
        inputs = {"amount": 1, "fail": True}
        async with client.post("/api/payments", json=inputs, headers=headers) as response:
            problem = await response.json(content_type="application/problem+json")

    assert first[:2] == second[:2]
    assert first[0] == (409 if error_format == "standard" else 500)
    assert second[2]["Idempotency-Replayed"] == "true"
    error = json.loads(first[1])["error"]
    assert (error["key"], error["value"]) == ("amount", 1)
    assert error["request_id"] == first[2]["X-Request-Id"] != second[2]["X-Request-Id"]
    assert problem["instance"] == f"urn:actionhero:request:{error['request_id']}"
    assert payments == [1]


async def test_refused_keys() -> None:
    """Each with its status and type."""
    async with serving() as (_, client):
        missing = await post(client, None, amount=1)
        malformed = await post(client, '"two words"', amount=1)
        await post(client, amount=1)
        other = await post(client, amount=2)
        headers = [("Idempotency-Key", '"a"'), ("Idempotency-Key", '"b"')]
        async with client.post("/api/payments", json={"amount": 1}, headers=headers) as response:
            several = response.status, await response.read(), response.headers

    errors = [json.loads(body)["error"] for _, body, _ in (missing, malformed, several, other)]
    assert [item[0] for item in (missing, malformed, several, other)] == [400, 400, 400, 422]
    assert [error["type"] for error in errors] == [
        *["CONNECTION_REQUEST_MALFORMED"] * 3,
        "CONNECTION_ACTION_PARAM_VALIDATION",
    ]
    assert errors[-1]["key"] == "Idempotency-Key"
    assert payments == [1]


async def test_internal_errors_are_repeated() -> None:
    """They are not stored."""
    async with serving() as (_, client):
        responses = [await post(client, path="refusals") for _ in range(2)]

    assert [status for status, _, _ in responses] == [500, 500]
    assert all("Idempotency-Replayed" not in headers for _, _, headers in responses)


async def test_other_actions_ignore_keys() -> None:
    """Malformed ones too."""
    async with serving() as (_, client):
        headers = {"Idempotency-Key": '"'}
        async with client.get("/api/payments", headers=headers) as response:
            assert response.status == 200


async def test_fifty_equal_requests_run_once() -> None:
    """One gets 201 first; the others get 409 with Retry-After, or the same response."""
    async with serving() as (_, client):
        responses = await asyncio.gather(*(post(client, amount=1) for _ in range(50)))
        last = await post(client, amount=1)

    assert payments == [1]
    statuses = {status for status, _, _ in responses}
    assert statuses <= {201, 409}
    assert {headers["Retry-After"] for status, _, headers in responses if status == 409} <= {"1"}
    assert {body for status, body, _ in (*responses, last) if status == 201} == {last[1]}


async def test_keys_over_web_socket() -> None:
    """In a field of the message; the same key over HTTP is the same call."""
    async with serving() as (_, client):
        async with client.ws_connect("/ws") as socket:

            async def call(**fields: Any) -> Any:
                message = {"messageType": "action", "messageId": 1, **fields}
                await socket.send_json(message)
                reply = await socket.receive_json()
                return reply["response"] if "response" in reply else reply["error"]

            pay = {"action": "pay", "params": {"amount": 5}}
            values = [await call(**pay, idempotencyKey="k") for _ in range(2)]
            errors = [
                await call(**pay),
                await call(**pay, idempotencyKey=7),
                await call(action="pay", params={"amount": 6}, idempotencyKey="k"),
            ]
            ignored = await call(action="plain", params={}, idempotencyKey=7)
        status, body, headers = await post(client, amount=5)

    assert values[0] == values[1] == {"number": 1, "amount": 5}
    assert [error["type"] for error in errors] == [
        *["CONNECTION_REQUEST_MALFORMED"] * 2,
        "CONNECTION_ACTION_PARAM_VALIDATION",
    ]
    assert ignored == 1
    assert (status, json.loads(body)) == (201, values[0])
    assert headers["Idempotency-Replayed"] == "true"
    assert payments == [5]


async def test_the_document_has_the_header() -> None:
    """Only for actions with `Idempotent`."""
    async with serving() as (app, _):
        paths = app.get(OpenApiDocument).to_dict()["paths"]

    pay, refuse = paths["/payments"]["post"], paths["/refusals"]["post"]
    for operation, required in ((pay, True), (refuse, False)):
        [header] = [each for each in operation["parameters"] if each["in"] == "header"]
        assert (header["name"], header["required"]) == ("Idempotency-Key", required)
        assert {"400", "409", "422", "503"} <= operation["responses"].keys()
    assert "parameters" not in paths["/payments"]["get"]


ACTIONHERO = (sys.executable, "-m", "actionhero")
PROGRAM = '''
from pathlib import Path

from actionhero import Action
from actionhero_limits import Idempotent


class Order(Action):
    """Order an item."""

    name = "order"
    middleware = [Idempotent(required=True)]

    async def run(self, item: str) -> str:
        with Path("orders").open("a") as orders:
            orders.write(f"{item}\\n")
        return f"{item} is ordered"
'''


def test_keys_on_the_command_line(redis_server: ThrowAwayRedis, tmp_path: Path) -> None:
    """Processes share them; exit codes are those of the errors."""
    (tmp_path / "shop.py").write_text(PROGRAM, encoding="utf-8")

    def call(item: str, *options: str) -> tuple[int, str]:
        done = subprocess.run(
            [*ACTIONHERO, "--app", "shop", "call", *options, "order", "--item", item],
            cwd=tmp_path,
            env={"REDIS_URL": redis_server.url, "ACTIONHERO_PLUGINS__ENABLED": "redis,limits"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout or done.stderr

    key = ("--idempotency-key", "k")
    first, second = call("tea", *key), call("tea", *key)
    other, missing = call("milk", *key), call("tea")

    assert first == second == (0, '"tea is ordered"\n')
    assert other[0] == missing[0] == 65
    assert (tmp_path / "orders").read_text(encoding="utf-8") == "tea\n"


def test_declaring_it_imports_nothing_of_redis() -> None:
    """Nor the parser of structured fields."""
    code = (
        "import sys; from actionhero_limits import Idempotent; Idempotent(); "
        "print([name for name in ('redis', 'actionhero_redis', 'http_sf') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
