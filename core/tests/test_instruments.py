"""Tests of the hook `actionhero_instruments`."""

from __future__ import annotations

from actionhero import Instrument, hookimpl
from actionhero.testing import running_app


class Mail:
    def __init__(self) -> None:
        self.calls = 0

    @hookimpl
    def actionhero_instruments(self) -> list[Instrument]:
        self.calls += 1
        return [Instrument("mail.queue", read=lambda: [({}, 3)])]


async def test_instruments_are_created_only_for_a_plugin_that_shows_them() -> None:
    mail = Mail()

    async with running_app(mail) as app:
        assert mail.calls == 0
        collected = app.app.plugins.collect("actionhero_instruments", Instrument, app=app.app)

    (_, instrument), read = collected[0], collected[0][1].read
    assert mail.calls == 1
    assert (instrument.name, instrument.kind, instrument.scope) == (
        "mail.queue",
        "gauge",
        "process",
    )
    assert read is not None
    assert list(read()) == [({}, 3)]


async def test_a_recorded_instrument_records_nothing_without_a_reader() -> None:
    assert Instrument("mail.sent", "counter", labels=["server"]).record is None
