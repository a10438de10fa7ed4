"""Type checks of generated code: wrong uses are errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]

#: The comments name the rules of the expected errors; checkers report unused ignore comments.
WRONG_USES = """
from __future__ import annotations

from actionhero import Call, Inputs
from actionhero.testing import RunningApp

from guestbook.actions.greet import Greet, GreetInputs


class OtherInputs(Inputs):
    number: int


async def use(call: Call, app: RunningApp) -> None:
    await call.run(Greet, OtherInputs(number=1))  # MISC
    await call.run(Greet)  # ARGUMENT
    await call.run(GreetInputs, GreetInputs(name="Ada"))  # ARGUMENT
    await app.connect().run(Greet, OtherInputs(number=1))  # MISC
    greeting = await call.run(Greet, GreetInputs(name="Ada"))
    greeting["greting"]  # KEY
    GreetInputs(nam="Ada")  # CALL
    GreetInputs(name="Ada").nam  # ATTRIBUTE
"""
#: The rules in the terms of mypy.
RULES = {
    "MISC": "misc",
    "ARGUMENT": "arg-type",
    "KEY": "typeddict-item",
    "CALL": "call-arg",
    "ATTRIBUTE": "attr-defined",
}


def test_mypy_reports_wrong_uses(run: Run, application: Path) -> None:
    """Each marked line has the expected error, and no other line has one."""
    text = WRONG_USES
    for mark, rule in RULES.items():
        text = text.replace(f"# {mark}\n", f"# type: ignore[{rule}]\n")
    (application / "guestbook" / "wrong.py").write_text(text)

    process = run("mypy", "--strict", folder="guestbook")

    assert process.returncode == 0, process.stdout


def test_pyright_reports_wrong_uses(run: Run, application: Path) -> None:
    """The marked lines have errors, and no other line has one."""
    (application / "guestbook" / "wrong.py").write_text(WRONG_USES)

    process = run(
        *("basedpyright", "--level", "error", "--pythonpath", sys.executable, "guestbook/wrong.py"),
        folder="guestbook",
    )

    reported = {
        int(line.split(":")[1]) for line in process.stdout.splitlines() if " - error" in line
    }
    expected = {n for n, line in enumerate(WRONG_USES.splitlines(), 1) if "  # " in line}
    assert reported == expected, process.stdout
