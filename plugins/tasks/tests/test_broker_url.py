"""`BrokerUrl`: parsing and masking."""

from __future__ import annotations

import pytest

from actionhero_tasks import TasksSettings
from actionhero_tasks.broker_url import BrokerUrl


def test_a_url_is_parsed_and_its_password_is_masked() -> None:
    """Several RabbitMQ URLs are one broker."""
    text = "amqp://ada:hunter2@one:5673/shop;amqps://two"
    settings = TasksSettings.model_validate({"broker_url": text})
    url = settings.broker_url

    assert url is not None
    assert (url.kind.title, url.address) == ("RabbitMQ", "one:5673, two")
    assert "hunter2" in url.text
    assert "hunter2" not in f"{url} {url!r} {settings!r}"
    assert BrokerUrl.parse("postgresql://host/jobs").kind.title == "PostgreSQL"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://host", "its scheme is not supported"),
        ("amqp://host:port", "it is not a URL"),
        ("amqp://one;postgresql://two", "only amqp:// URLs can be combined"),
    ],
)
def test_an_invalid_url_is_rejected_with_the_supported_forms(text: str, message: str) -> None:
    """The message does not repeat the URL, which may contain a password."""
    with pytest.raises(ValueError, match=rf"{message}.*amqps:// for TLS"):
        BrokerUrl.parse(text)
