"""The URLs of servers."""

from __future__ import annotations

import pytest

from actionhero import ConfigurationError
from actionhero_remote.server_url import ServerUrl

VALID = {
    "https://example.com": (
        "https://example.com",
        ["https://example.com/api", "https://example.com"],
    ),
    " https://example.com/ ": (
        "https://example.com",
        ["https://example.com/api", "https://example.com"],
    ),
    "HTTPS://Example.com:443/v1/": ("https://example.com/v1", ["https://example.com/v1"]),
    "http://127.0.0.1:8080/api": ("http://127.0.0.1:8080/api", ["http://127.0.0.1:8080/api"]),
    "https://example.com/api/swagger": ("https://example.com/api", ["https://example.com/api"]),
    "http://[::1]:80": ("http://[::1]", ["http://[::1]/api", "http://[::1]"]),
}

INVALID = {
    "example.com": "is not the URL of a server; write it like https://example.com",
    "ftp://example.com": "is not the URL of a server",
    "https://": "is not the URL of a server",
    "": "is not the URL of a server",
    "https://ada:s3cret@example.com": "contains a user name or a password",
    "https://example.com/?a=s3cret": "contains more than scheme, host, port and a path",
    "https://example.com:port": "is not a URL",
    "https://exämple.com": "contains more than",
    "https://[::1": "is not a URL",
}


@pytest.mark.parametrize(("text", "expected"), VALID.items(), ids=list(VALID))
def test_urls(text: str, expected: tuple[str, list[str]]) -> None:
    """With the prefix of the API, or without a path."""
    url = ServerUrl.parse(text, "--url")

    assert (str(url), url.api_urls) == expected


@pytest.mark.parametrize(("text", "message"), INVALID.items(), ids=[repr(text) for text in INVALID])
def test_invalid_urls(text: str, message: str) -> None:
    """The error names the source, and does not contain the URL."""
    with pytest.raises(ConfigurationError) as caught:
        ServerUrl.parse(text, "--url")

    assert str(caught.value).startswith(f"--url {message}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("localhost", True),
        ("app.localhost", True),
        ("localhost.example.com", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("127.0.0.1.example.com", False),
    ],
)
def test_loopback_hosts(host: str, is_loopback: bool) -> None:
    """The hosts that receive credentials without encryption."""
    assert ServerUrl.parse(f"http://{host}:8080", "--url").is_loopback is is_loopback
