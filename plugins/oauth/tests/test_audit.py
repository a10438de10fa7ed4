"""The events of the audit log: their clients and their users."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from plugins.oauth.tests.conftest import CLIENT, REDIRECT_URI, VERIFIER, hidden_fields, hop

if TYPE_CHECKING:
    import pytest
    from plugins.oauth.tests.conftest import Serve


async def test_events_have_the_address_of_their_client(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Behind a trusted proxy as well."""
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    environ = {"ACTIONHERO_WEB__TRUSTED_PROXIES": '["127.0.0.1"]'}
    async with serve(**environ) as site, site.browser(**forwarded) as browser:
        page = await site.consent_page(browser, scope="mcp")
        code = (await site.allow(browser, page))["code"]
        page = await browser.get(hop(await site.start(browser, scope="messages:write")))
        await site.allow(browser, page, answer="deny")

        async def post(path: str, **data: str) -> dict[str, Any]:
            data = {"client_id": CLIENT, "redirect_uri": REDIRECT_URI, **data}
            response = await browser.post(f"/oauth/{path}", data=data)
            values: dict[str, Any] = response.json()
            return values

        exchange = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        token = (await post("token", **exchange))["refresh_token"]
        await post("token", grant_type="refresh_token", refresh_token=token)
        await post("revoke", token=token)
        await post("token", grant_type="refresh_token", refresh_token=token)
        await post("token", **exchange)
        await post("token", client_id="unknown")
        await browser.post("/oauth/register", json={"redirect_uris": [REDIRECT_URI]})
        await site.tokens(scope="mcp")
        connections = await browser.get("/oauth/connections")
        fields = hidden_fields(connections.text)
        await browser.post("/oauth/connections", data=fields)

    events = [
        event
        for event in audit_events(caplog)
        if event["method"] == "oauth" and event["remote"] == "203.0.113.7"
    ]
    assert [(event["event"], event["outcome"]) for event in events] == [
        ("oauth.consent", "success"),
        ("oauth.consent", "failure"),
        ("credential_creation", "success"),
        ("oauth.refresh", "success"),
        ("credential_revocation", "success"),
        ("oauth.refresh", "failure"),
        ("oauth.code", "failure"),
        ("oauth.client", "failure"),
        ("oauth.registration", "success"),
        ("credential_revocation", "success"),
    ]
    assert {event["transport"] for event in events} == {"web"}


def audit_events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the events of the audit log."""
    records = [record for record in caplog.records if record.name == "actionhero.audit"]
    return [json.loads(record.getMessage()) for record in records]
