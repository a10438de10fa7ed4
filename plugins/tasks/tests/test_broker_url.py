"""Where a broker is, as people write it."""

from __future__ import annotations

import pytest

from actionhero_tasks import TasksSettings
from actionhero_tasks.broker_url import BrokerUrl


def test_a_url_says_what_it_is_and_keeps_its_password_to_itself() -> None:
    """Several of RabbitMQ are one broker."""
    text = "amqp://ada:hunter2@one:5673/shop;amqps://two"
    settings = TasksSettings.model_validate({"broker_url": text})
    url = settings.broker_url

    assert url is not None
    assert (url.kind.title, url.address) == ("RabbitMQ", "one:5673, two")
    assert "hunter2" in url.text
    assert "hunter2" not in f"{url} {url!r} {settings!r}"
    assert BrokerUrl.parse("postgresql://host/jobs").kind.title == "PostgreSQL"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://host", "its scheme is not one of ours"),
        ("amqp://host:port", "it is not a URL"),
        ("amqp://one;postgresql://two", "only several amqp:// can stand side by side"),
    ],
)
def test_what_is_no_url_of_a_broker_is_refused_with_what_is(text: str, told: str) -> None:
    """Without what was given: it may hold a password."""
    with pytest.raises(ValueError, match=rf"{told}.*amqps:// for TLS"):
        BrokerUrl.parse(text)
