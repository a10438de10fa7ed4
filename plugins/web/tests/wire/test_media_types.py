"""Bodies of other media types, with `actionhero_web_decoders` and `actionhero_web_encoders`."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack  # type: ignore[import-untyped]
import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Response, Run, Serve

HERE = Path(__file__).parent
PLUGIN = HERE / "messagepack"
MESSAGE_PACK = "application/msgpack"
BUILT_IN = "application/json, application/x-www-form-urlencoded, multipart/form-data"


@pytest.fixture(params=["standard", "actionhero"])
def client(request: pytest.FixtureRequest, serve: Serve) -> HttpClient:
    """A server with the plugin, of each error format."""
    return serve(
        web__error_format=request.param,
        plugins__enabled="web,messagepack",
        PYTHONPATH=os.pathsep.join((str(HERE), str(PLUGIN))),
    )


def send(client: HttpClient, value: Any, target: str = "/api/echo", **headers: str) -> Response:
    """Send a value in MessagePack."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = value if isinstance(value, bytes) else msgpack.packb(value)
    return client.send("POST", target, body, {"Content-Type": MESSAGE_PACK, **named})


def test_the_plugin_is_small() -> None:
    """A decoder and an encoder need no more than forty lines."""
    text = (PLUGIN / "wire_messagepack" / "plugin.py").read_text("utf-8")

    assert len(text.splitlines()) <= 40


def test_a_body_is_decoded(client: HttpClient) -> None:
    """The path takes precedence over it, and it over the query; the response is JSON."""
    value = {"text": "häll😀", "number": 7, "tags": ["a"], "address": {"street": "s", "zip": "123"}}

    plain = send(client, value)
    merged = send(client, value, "/api/echo/number/9?text=other&flag=on")
    compressed = send(client, gzip.compress(msgpack.packb(value)), Content_Encoding="gzip")
    other = client.send(
        "POST", "/api/echo", msgpack.packb({"number": 1}),
        {"Content-Type": "Application/X-MsgPack; version=5"},
    )  # fmt: skip

    assert plain.header("Content-Type") == "application/json"
    assert plain.json == compressed.json == value
    assert merged.json == {**value, "number": 9, "flag": True}
    assert other.json == {"number": 1}


def test_decoded_values_are_validated_strictly(client: HttpClient) -> None:
    """As those of JSON: a text is not a number."""
    response = send(client, {"number": "7"})

    assert response.status == (422 if client.error_format == "standard" else 406)
    assert response.error["errors"][0]["pointer"] == "/number"


def test_an_empty_body_is_an_empty_object(client: HttpClient) -> None:
    """As with JSON."""
    assert send(client, b"").json == {}


@pytest.mark.parametrize(
    "body",
    [b"\xc1", b"\x81", b"\x80\x80", msgpack.packb([1]), msgpack.packb(7), msgpack.packb({1: 2})],
    ids=["unused byte", "truncated", "two values", "array", "number", "key"],
)
def test_a_malformed_body_is_400(client: HttpClient, body: bytes) -> None:
    """As is one that is no object."""
    response = send(client, body)

    assert response.status == 400
    assert client.is_alive


def test_a_client_selects_the_media_type_of_the_response(client: HttpClient) -> None:
    """Results and errors, also those of the server, and with `Vary: Accept`."""
    for target in ("/api/user/me", "/api/account", "/api/nowhere", "/nowhere"):
        plain, packed = client.get(target), client.get(target, accept=MESSAGE_PACK)

        assert packed.status == plain.status
        assert packed.header("Content-Type") == MESSAGE_PACK
        assert packed.all("Vary") == plain.all("Vary") == ["Accept"]
        expected, value = plain.json, msgpack.unpackb(packed.body)
        for document in (expected, value):
            if isinstance(document, dict):
                document["error"] |= {"timestamp": 0, "request_id": ""}
        assert value == expected


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/msgpack;q=0.5, application/json", "application/json"),
        ("application/msgpack, application/json;q=0.9", MESSAGE_PACK),
        ("application/msgpack;q=0, */*", "application/json"),
        ("text/html", "application/json"),
    ],
)
def test_the_preferred_media_type_is_sent(client: HttpClient, accept: str, media_type: str) -> None:
    """JSON is the default."""
    assert client.get("/api/user/me", accept=accept).header("Content-Type") == media_type


def test_results_have_the_types_of_json(client: HttpClient) -> None:
    """The encoder gets no dates, models and other objects."""
    plain = client.get("/api/value/special")
    packed = client.get("/api/value/special", accept=MESSAGE_PACK)

    assert msgpack.unpackb(packed.body) == plain.json


def test_a_value_that_cannot_be_encoded_is_an_internal_error(client: HttpClient) -> None:
    """It is logged; MessagePack has no integers of more than 64 bits."""
    client.new_log_text()

    response = client.get("/api/value/big", accept=MESSAGE_PACK)

    assert response.status == 500
    assert msgpack.unpackb(response.body)["error"]["message"] == "Internal error"
    assert "the result of action 'value' cannot be encoded" in client.new_log_text()


def test_415_lists_the_media_types(standard: HttpClient, client: HttpClient) -> None:
    """In the header `Accept`, with those of plugins."""
    headers = {"Content-Type": "text/plain"}

    without = standard.send("POST", "/api/echo", b"x", headers)
    response = client.send("POST", "/api/echo", b"x", headers)

    assert (without.status, response.status) == (415, 415)
    assert without.header("Accept") == BUILT_IN
    assert response.header("Accept") == f"{BUILT_IN}, {MESSAGE_PACK}, application/x-msgpack"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (
            "[D()]",
            "'application/msgpack': plugin 'messagepack' (wire-messagepack 1.0) and application ",
        ),
        ("[D('application/json')]", "'application/json': actionhero-web and "),
        ("[D('Application/CBOR')]", "the media type 'Application/CBOR'"),
    ],
)
def test_two_decoders_of_one_media_type_are_an_error(
    run: Run, tmp_path: Path, code: str, problem: str
) -> None:
    """It names both plugins."""
    (tmp_path / "otherapp.py").write_text(
        "from actionhero import hookimpl\n"
        "from wire_messagepack.plugin import MessagePackDecoder\n"
        "class D(MessagePackDecoder):\n"
        "    def __init__(self, media_type='application/msgpack'):\n"
        "        self.media_types = (media_type,)\n"
        "@hookimpl\n"
        f"def actionhero_web_decoders():\n    return {code}\n"
    )

    process = run(
        tmp_path,
        ACTIONHERO_APP__PACKAGE="otherapp",
        ACTIONHERO_PLUGINS__ENABLED="web,messagepack",
        PYTHONPATH=os.pathsep.join((str(tmp_path), str(PLUGIN))),
    )

    assert process.returncode == 78
    assert problem in process.stderr
