"""The files of JSONTestSuite (https://github.com/nst/JSONTestSuite, commit 1ef36fa, MIT).

`y_` files are valid JSON, `n_` files are malformed, and a parser may treat `i_` files in either
way.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from actionhero.json import NOT_AN_OBJECT

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Response

FILES: Final = {
    path.stem: path.read_bytes()
    for path in sorted((Path(__file__).parent / "json-test-suite").glob("*.json"))
}
#: It has no content: an empty body has no inputs, and is no error.
EMPTY: Final = "n_structure_no_data"


def send_json(client: HttpClient, body: bytes, *, chunked: bool = False) -> Response:
    """Send a body as JSON to an action with a field of any value."""
    parts = [body[:7], body[7:]] if chunked else body
    return client.send("POST", "/api/echo", parts, {"Content-Type": "application/json"})


def reading_of(response: Response) -> str:
    """Return how a body was read: `valid`, `no object` or `malformed`; else the response."""
    # With 422 it was read, and its content is refused: a NUL character, a number out of range.
    if response.status in (200, 422):
        return "valid"
    if response.status == 400 and response.error["type"] == "CONNECTION_REQUEST_MALFORMED":
        return "no object" if NOT_AN_OBJECT in response.error["message"] else "malformed"
    return f"{response.status} {response.body[:200]!r}"


def test_files_are_read_as_bodies(parser: HttpClient) -> None:
    """Malformed bodies are refused, and those that are not objects; no file is an error of ours."""
    assert len(FILES) == 318
    wrong = []
    for name, body in FILES.items():
        if name.startswith("y_"):
            expected = {"valid" if isinstance(json.loads(body), dict) else "no object"}
        elif name.startswith("n_"):
            expected = {"valid" if name == EMPTY else "malformed"}
        else:
            expected = {"valid", "no object", "malformed"}
        for chunked in (False, True):
            reading = reading_of(send_json(parser, body, chunked=chunked))
            if reading not in expected:
                wrong.append((name, reading))
    assert wrong == []


def test_files_are_read_as_values(parser: HttpClient) -> None:
    """A malformed file is also malformed as the value of a field."""
    wrong = []
    for name, body in FILES.items():
        reading = reading_of(send_json(parser, b'{"any": %b}' % body))
        expected = {"y": {"valid"}, "n": {"malformed"}, "i": {"valid", "malformed"}}[name[0]]
        if reading not in expected:
            wrong.append((name, reading))
    assert wrong == []


def test_files_are_texts_in_a_query(parser: HttpClient) -> None:
    """A text in a query is not read as JSON; only bytes that are not UTF-8 are malformed."""
    wrong = []
    for name, body in FILES.items():
        query = quote(body)
        # A longer request line is refused.
        if len(query) < 4_000:
            response = parser.get(f"/api/echo?text={query}")
            if response.status not in (200, 400, 422):
                wrong.append((name, response.status))
    assert wrong == []
    assert parser.is_alive
