"""Cookies in the responses to pages of other sites, which must not set any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Response, Serve

#: A value, an error, aiohttp's own responses, one that the action begins to send, and a stream.
KINDS = ["/value", "/error", "/native", "/raised", "/file", "/written", ""]


def send(client: HttpClient, kind: str, site: str) -> Response:
    """Call the action, and check that its response is complete."""
    response = client.send("POST", f"/api/cookies{kind}", None, {"Sec-Fetch-Site": site})
    assert response.status == {"/error": 400, "/raised": 302}.get(kind, 200)
    return response


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("middleware", [{}, {"WIRE_MIDDLEWARE": "1"}], ids=["direct", "aiohttp"])
def test_a_response_to_another_site_sets_no_cookie(
    serve: Serve, kind: str, middleware: dict[str, str]
) -> None:
    """In whichever way, and with whichever spelling of the header, the action adds it."""
    server = serve(**middleware)

    own, other = send(server, kind, "same-origin"), send(server, kind, "cross-site")

    assert "first=1" in own.all("Set-Cookie")
    assert other.all("Set-Cookie") == []
    assert other.body == own.body or kind == "/error"
