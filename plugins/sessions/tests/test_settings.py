"""The knobs of sessions, and what is said of a wrong one."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict
from pydantic import ValidationError

from actionhero import Connection
from actionhero_sessions import SessionsSettings
from actionhero_sessions.cookie import Cookies, new_id


class Request:
    """A request that came in plain text."""

    scheme = "http"
    remote = "127.0.0.1"
    headers: CIMultiDict[str] = CIMultiDict()


def test_an_identifier_has_256_random_bits() -> None:
    """No two are the same, and none can be guessed."""
    made = {new_id() for _ in range(1000)}

    assert len(made) == 1000
    assert {len(id) for id in made} == {43}


@pytest.mark.parametrize(
    ("secure", "production", "name"),
    [
        (None, False, "__session"),
        (None, True, "__Host-__session"),
        (True, False, "__Host-__session"),
        (False, True, "__session"),
    ],
)
def test_in_production_the_cookie_is_secure_unless_said_otherwise(
    *, secure: bool | None, production: bool, name: str
) -> None:
    """A proxy that speaks TLS and does not say so must not cost us that."""
    cookies = Cookies(SessionsSettings(secure=secure), production=production)

    assert cookies.name(Connection("web", raw=Request())) == name


def test_a_cookie_for_all_sites_must_be_secure() -> None:
    """Browsers throw away one that is not."""
    with pytest.raises(ValidationError, match="same_site is 'None', which browsers refuse in a "
                       "cookie that is not secure; set secure = true"):  # fmt: skip
        SessionsSettings(same_site="None")

    assert SessionsSettings(same_site="None", secure=True).same_site == "None"


@pytest.mark.parametrize(
    "wrong", [{"ttl": 0}, {"cookie_name": "a b"}, {"cookie_name": ""}, {"user_key": ""}]
)
def test_a_wrong_setting_is_refused(wrong: dict[str, Any]) -> None:
    """Rather than a cookie that no browser takes."""
    with pytest.raises(ValidationError):
        SessionsSettings(**wrong)


def test_a_proxy_on_a_unix_socket_is_believed_if_it_is_trusted() -> None:
    """It has no address, and says how the client came all the same."""

    class Proxied(Request):
        remote = ""
        headers: CIMultiDict[str] = CIMultiDict({"X-Forwarded-Proto": "https"})

    connection = Connection("web", raw=Proxied())

    assert Cookies(SessionsSettings(), trusted_proxies=["unix"]).is_secure(connection)
    assert not Cookies(SessionsSettings()).is_secure(connection)
