"""Pages of other sites cannot use or change the session of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from plugins.sessions.tests.conftest import Serve, Site

LISTED = "https://app.example.com"
OTHER = "https://evil.example.com"
VALUE = {"key": "a", "value": 1}

CROSS_SITE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": OTHER},
    {"Origin": OTHER},
    {"Origin": "null"},
    {"Origin": "https://127.0.0.1:1"},
]


@pytest.fixture(params=["standard", "actionhero"])
async def served(request: pytest.FixtureRequest, serve: Serve) -> AsyncIterator[Site]:
    """The application in each error format, with a listed origin."""
    async with serve(
        ACTIONHERO_WEB__ERROR_FORMAT=request.param, ACTIONHERO_WEB__ALLOWED_ORIGINS=f"{LISTED},*"
    ) as site:
        yield site


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
async def test_a_request_with_a_session_is_refused(served: Site, headers: dict[str, str]) -> None:
    """Before the action runs; safe methods are allowed."""
    async with served.browser() as browser:
        await browser.put("/session", json={"user": 7})

        refused = await browser.post("/value/set", json=VALUE, headers=headers)
        values = await browser.get("/values", headers=headers)

        assert refused.status_code == 403
        assert "another site" in refused.json()["error"]["message"]
        assert "Set-Cookie" not in refused.headers
        assert values.json() == {"userId": 7}


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
async def test_a_request_that_changes_a_session_is_refused(
    served: Site, headers: dict[str, str]
) -> None:
    """A page cannot sign a user in with an account of its own."""
    async with served.browser() as browser:
        signed_in = await browser.put("/session", json={"user": 7}, headers=headers)
        changed = await browser.post("/value/set", json=VALUE, headers=headers)

        assert (signed_in.status_code, changed.status_code) == (403, 403)
        assert "Set-Cookie" not in signed_in.headers
        assert "Set-Cookie" not in changed.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": OTHER},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": LISTED},
        {"Origin": LISTED},
        {"Origin": "own"},
        {"Sec-Fetch-Site": "cross-site", "Origin": OTHER, "Authorization": "Bearer a"},
    ],
    ids=str,
)
async def test_other_requests_are_allowed(served: Site, headers: dict[str, str]) -> None:
    """Those of the own pages, of allowed origins, of other programs, and with a token."""
    if headers.get("Origin") == "own":
        # By host and port, as the scheme may be that of a proxy.
        headers = {"Origin": served.url.replace("http:", "https:")}
    async with served.browser() as browser:
        signed_in = await browser.put("/session", json={"user": 7}, headers=headers)
        changed = await browser.post("/value/set", json=VALUE, headers=headers)

        assert (signed_in.status_code, changed.status_code) == (200, 200)
        assert (await browser.get("/values")).json() == {"userId": 7, "a": 1}


async def test_a_request_without_a_session_is_allowed(served: Site) -> None:
    """Public actions can be called by pages of every site; the response sets no cookie."""
    async with served.browser() as browser:
        response = await browser.post("/nothing", json={}, headers={"Origin": OTHER})

        assert response.status_code == 200
        assert "Set-Cookie" not in response.headers


async def test_the_protection_can_be_disabled(serve: Serve) -> None:
    """For an application with a protection of its own."""
    async with (
        serve(ACTIONHERO_WEB__CROSS_ORIGIN_PROTECTION="false") as site,
        site.browser() as browser,
    ):
        await browser.put("/session", json={"user": 7})

        response = await browser.post("/value/set", json=VALUE, headers={"Origin": OTHER})

        assert response.status_code == 200


async def test_the_own_host_is_that_of_a_trusted_proxy(serve: Serve) -> None:
    """For pages whose browser sends no `Sec-Fetch-Site`."""
    own = {"Origin": "https://shop.example.com", "X-Forwarded-Host": "shop.example.com"}
    async with (
        serve(ACTIONHERO_WEB__TRUSTED_PROXIES="127.0.0.1") as site,
        site.browser() as browser,
    ):
        await browser.put("/session", json={"user": 7})

        accepted = await browser.post("/value/set", json=VALUE, headers=own)
        refused = await browser.post("/value/set", json=VALUE, headers={**own, "Origin": OTHER})

        assert (accepted.status_code, refused.status_code) == (200, 403)
