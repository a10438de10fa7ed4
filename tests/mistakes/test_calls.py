"""The messages about mistakes that are found when an action is called."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from tests.mistakes.application import application, load, normalized
from tests.mistakes.calls import CALLS

from actionhero import RunMode
from actionhero.testing import RunningApp
from actionhero.transport import encode_outcome
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mistakes.application import Mistake


@pytest.mark.parametrize("mistake", CALLS, ids=lambda mistake: mistake.title)
async def test_a_mistake_has_one_message(
    mistake: Mistake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and a traceback shows a line of the author; or the client receives it."""
    with application(mistake, tmp_path) as package:
        app = load(mistake, package, tmp_path, (web_plugin,), RunMode.CLI)
        await app.start()
        try:
            outcome = await RunningApp(app).connect().outcome("greet")
            if outcome.ok and not outcome.is_response:
                try:
                    encode_outcome(outcome)
                except TypeError as error:
                    app.pipeline.encoding_error_outcome("greet", error)
        finally:
            await app.stop()

        records = [item for item in caplog.records if item.levelno >= logging.WARNING]
        logged = "\n".join(record.getMessage() for record in records)
        text = logged or f"to the client: {outcome.error or outcome.value!r}"
        assert normalized(text, tmp_path, package) == mistake.message
        for record in records:
            shown = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
            assert not shown or f"{package}/__init__.py" in shown
            assert shown.count("Traceback") <= 1
