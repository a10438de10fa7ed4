"""The settings of sessions, and their validation."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict
from pydantic import ValidationError

from actionhero import Connection
from actionhero_sessions import SessionsSettings
from actionhero_sessions.cookie import SessionCookie, new_id


class Request:
    """A request over plain HTTP."""

    scheme = "http"
    remote = "127.0.0.1"
    headers: CIMultiDict[str] = CIMultiDict()


def test_an_identifier_has_256_random_bits() -> None:
    """They are unique."""
    ids = {new_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert {len(id) for id in ids} == {43}


@pytest.mark.parametrize(
    ("secure", "production", "name"),
    [
        (None, False, "__session"),
        (None, True, "__Host-__session"),
        (True, False, "__Host-__session"),
        (False, True, "__session"),
    ],
)
def test_the_cookie_is_secure_by_default_in_production(
    *, secure: bool | None, production: bool, name: str
) -> None:
    """Also behind a proxy that does not forward the scheme."""
    cookie = SessionCookie(SessionsSettings(secure=secure), production=production)

    assert cookie.name(Connection("web", raw=Request())) == name


def test_a_cookie_for_all_sites_must_be_secure() -> None:
    """Browsers reject it otherwise."""
    with pytest.raises(
        ValidationError,
        match="same_site is 'None', which browsers reject for a cookie that is not secure; set "
        "secure = true",
    ):
        SessionsSettings(same_site="None")

    assert SessionsSettings(same_site="None", secure=True).same_site == "None"


@pytest.mark.parametrize(
    "invalid", [{"ttl": 0}, {"cookie_name": "a b"}, {"cookie_name": ""}, {"user_key": ""}]
)
def test_an_invalid_setting_is_refused(invalid: dict[str, Any]) -> None:
    """Browsers would reject the cookie."""
    with pytest.raises(ValidationError):
        SessionsSettings(**invalid)


def test_a_proxy_on_a_unix_socket_can_be_trusted() -> None:
    """It has no address, and is listed as `unix`."""

    class Proxied(Request):
        remote = ""
        headers: CIMultiDict[str] = CIMultiDict({"X-Forwarded-Proto": "https"})

    connection = Connection("web", raw=Proxied())

    assert SessionCookie(SessionsSettings(), trusted_proxies=["unix"]).is_secure(connection)
    assert not SessionCookie(SessionsSettings()).is_secure(connection)
