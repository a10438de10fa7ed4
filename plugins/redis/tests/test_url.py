"""Where Redis is, in one line of text."""

from __future__ import annotations

import re

import pytest

from actionhero_redis.url import Address, RedisUrl, Topology


def test_the_usual_url_names_host_port_database_and_who_we_are() -> None:
    """What every platform hands out in `REDIS_URL` is understood."""
    url = RedisUrl.parse("redis://ada:s%3Acret@redis.example:6380/2")

    assert url.topology is Topology.SINGLE
    assert url.addresses == (Address("redis.example", 6380),)
    assert (url.username, url.password) == ("ada", "s:cret")
    assert url.options == {"db": 2}
    assert not url.tls


def test_what_is_left_out_is_what_redis_itself_would_take() -> None:
    """`redis://` is this machine, the usual port, the first database."""
    url = RedisUrl.parse("redis://")

    assert url.addresses == (Address("localhost", 6379),)
    assert (url.username, url.password, url.options) == (None, None, {})


def test_tls_is_set_up_by_the_url_alone() -> None:
    """Certificates and how strict we are follow a question mark."""
    url = RedisUrl.parse("rediss://:pw@[::1]:6390?ssl_ca_certs=/ca.pem&ssl_check_hostname=false")

    assert url.tls
    assert url.addresses == (Address("::1", 6390),)
    assert url.options == {"ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False}


def test_a_socket_has_its_database_behind_the_question_mark() -> None:
    """The path of a socket is the path of the URL."""
    url = RedisUrl.parse("unix:///run/redis%20one.sock?db=3")

    assert url.socket == "/run/redis one.sock"
    assert url.options == {"db": 3}


def test_sentinels_are_listed_and_the_service_is_the_path() -> None:
    """Who we are is for the server; the sentinels have a user and a password of their own."""
    url = RedisUrl.parse(
        "redis+sentinel://ada:pw@one,two:26380/mymaster/1?sentinel_password=other&protocol=2"
    )

    assert url.topology is Topology.SENTINEL
    assert url.addresses == (Address("one", 26379), Address("two", 26380))
    assert url.service == "mymaster"
    assert url.password == "pw"
    assert url.options == {"db": 1, "protocol": 2}
    assert url.sentinel == {"password": "other"}


def test_a_cluster_is_named_by_some_of_its_servers() -> None:
    """The rest of them are found."""
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
def test_no_password_is_ever_shown(text: str) -> None:
    """A URL that lands in a log or an error does not tell its password."""
    url = RedisUrl.parse(text)

    assert "hunter2" not in f"{url} {url!r}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("http://one", "its scheme is not one of ours; there are: redis://"),
        ("one:6379", "its scheme is not one of ours; there are: redis://"),
        ("unix+cluster:///x", "its scheme is not one of ours"),
        ("redis://[one", "it is not a URL; there are: redis://"),
        ("redis://one:port", "a host in it is wrong; write host, host:6379 or"),
        ("redis://one/first", "the number of a database, as in /0"),
        ("redis://one/0/1", "the number of a database, as in /0"),
        ("unix://", "it has no path of a socket; write unix:///path/to/redis.sock"),
        ("redis+sentinel://one", "it does not name the service"),
        ("redis+cluster://one/1", "a cluster has only the database 0"),
        ("redis://one?colour=red", "the option 'colour', which is not known; there are: db,"),
        ("redis://one?socket_timeout=1", "redis.timeout, redis.pool_size"),
        ("redis://one?db=first", "option 'db' is wrong: it should be a whole number"),
        ("rediss://one?ssl_check_hostname=never", "it should be true or false"),
        ("rediss://one?ssl_cert_reqs=CERT_NONE", "it should be none, optional or required"),
    ],
)
def test_what_is_wrong_with_a_url_is_told(text: str, complaint: str) -> None:
    """Whoever wrote it learns what may stand there."""
    with pytest.raises(ValueError, match=re.escape(complaint)):
        RedisUrl.parse(text)
