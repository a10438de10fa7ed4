"""Parsing the URL of a Redis server."""

from __future__ import annotations

import re

import pytest

from actionhero_redis.url import Address, RedisUrl, Topology


def test_a_url_has_credentials_host_port_and_database() -> None:
    """The format of `REDIS_URL` on hosting platforms."""
    url = RedisUrl.parse("redis://ada:s%3Acret@redis.example:6380/2")

    assert url.topology is Topology.SINGLE
    assert url.addresses == (Address("redis.example", 6380),)
    assert (url.username, url.password) == ("ada", "s:cret")
    assert url.options == {"db": 2}
    assert not url.tls


def test_omitted_parts_have_the_defaults_of_redis() -> None:
    """`redis://` is the default port of this machine."""
    url = RedisUrl.parse("redis://")

    assert url.addresses == (Address("localhost", 6379),)
    assert (url.username, url.password, url.options) == (None, None, {})


def test_tls_options_are_query_parameters() -> None:
    """Certificates and their verification."""
    url = RedisUrl.parse("rediss://:pw@[::1]:6390?ssl_ca_certs=/ca.pem&ssl_check_hostname=false")

    assert url.tls
    assert url.addresses == (Address("::1", 6390),)
    assert url.options == {"ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False}


def test_the_database_of_a_socket_is_a_query_parameter() -> None:
    """The path of the URL is the path of the socket."""
    url = RedisUrl.parse("unix:///run/redis%20one.sock?db=3")

    assert url.socket == "/run/redis one.sock"
    assert url.options == {"db": 3}


def test_a_sentinel_url_has_the_service_in_its_path() -> None:
    """Sentinels have their own credentials."""
    url = RedisUrl.parse(
        "redis+sentinel://ada:pw@one,two:26380/mymaster/1?sentinel_password=other&protocol=2"
    )

    assert url.topology is Topology.SENTINEL
    assert url.addresses == (Address("one", 26379), Address("two", 26380))
    assert url.service == "mymaster"
    assert url.password == "pw"
    assert url.options == {"db": 1, "protocol": 2}
    assert url.sentinel_credentials == {"password": "other"}


def test_a_cluster_url_lists_some_of_the_servers() -> None:
    """The client discovers the others."""
    url = RedisUrl.parse("rediss+cluster://one:7000,two:7001")

    assert url.topology is Topology.CLUSTER
    assert url.tls
    assert url.addresses == (Address("one", 7000), Address("two", 7001))


@pytest.mark.parametrize(
    "text",
    [
        "redis://ada:hunter2@redis.example/0",
        "redis+sentinel://one/main?sentinel_password=hunter2",
        "rediss://one?ssl_password=hunter2",
        "redis://:hunter2@hunter2@one",
    ],
)
def test_passwords_are_masked(text: str) -> None:
    """In logs and errors."""
    url = RedisUrl.parse(text)

    assert "hunter2" not in f"{url} {url!r}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://one", "its scheme is not supported; supported URLs: redis://"),
        ("one:6379", "its scheme is not supported; supported URLs: redis://"),
        ("unix+cluster:///x", "its scheme is not supported"),
        ("redis://[one", "it is not a URL; supported URLs: redis://"),
        ("redis://one:port", "it has an invalid host; write host, host:6379 or"),
        ("redis://one/first", "its path should be the number of a database, as in /0"),
        ("redis://one/0/1", "its path should be the number of a database, as in /0"),
        ("unix://", "it has no socket path; write unix:///path/to/redis.sock"),
        ("redis+sentinel://one", "it does not name the service"),
        ("redis+cluster://one/1", "a cluster has only the database 0"),
        ("redis://one?colour=red", "redis.pool_size); available: db, client_name"),
        ("redis://one?protcol=3", "unknown option 'protcol' (timeouts and sizes are settings, "),
        ("redis://one?protcol=3", "; did you mean 'protocol'?"),
        ("redis://one?socket_timeout=1", "redis.timeout and redis.pool_size"),
        ("redis://one?db=first", "option 'db' is invalid: it should be an integer"),
        ("rediss://one?ssl_check_hostname=never", "it should be true or false"),
        ("rediss://one?ssl_cert_reqs=CERT_NONE", "it should be none, optional or required"),
    ],
)
def test_an_invalid_url_is_refused_with_the_reason(text: str, message: str) -> None:
    """And with the supported forms."""
    with pytest.raises(ValueError, match=re.escape(message)):
        RedisUrl.parse(text)
