"""The panel Log: the last lines of each process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actionhero import Field, Inputs
from actionhero_console.builtin.assets import assets_of
from actionhero_console.console import Console
from actionhero_console.panels import Panel, PanelContext
from actionhero_console.tail import LineFilter

if TYPE_CHECKING:
    from actionhero import Application


class LogInputs(Inputs):
    """The lines to return."""

    #: By process, the number of its last line that the page has.
    after: dict[str, int] = Field(default_factory=dict, max_length=1000)
    level: str = Field(default="", max_length=10)
    action: str = Field(default="", max_length=200)
    outcome: str = Field(default="", max_length=100)
    request_id: str = Field(default="", max_length=200)
    text: str = Field(default="", max_length=200)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Answers with the lines of this process."""

    app: Application

    def lines(self, inputs: LogInputs) -> dict[str, Any]:
        console = self.app.get(Console)
        filter_ = LineFilter(
            inputs.level, inputs.action, inputs.outcome, inputs.request_id, inputs.text
        )
        return console.tail.lines(inputs.after.get(console.processes.name, 0), filter_)


def log_panel(app: Application) -> Panel:
    """Return the panel."""

    async def read_lines(inputs: LogInputs, context: PanelContext) -> dict[str, Any]:
        answers = await context.ask("lines", **inputs.model_dump())
        lines = [
            {"process": answer.process, "number": number, "facts": facts}
            for answer in answers.answers
            if not answer.error
            for number, facts in answer.value["lines"]
        ]
        lines.sort(key=lambda line: str(line["facts"].get("timestamp", "")))
        complete = [answer for answer in answers.answers if not answer.error]
        return {
            "lines": lines,
            "last": {answer.process: answer.value["last"] for answer in complete},
            "left_out": sum(answer.value["left_out"] for answer in complete),
            "missing": answers.unanswered,
            "asked": answers.asked_ms,
            "only_this_process": answers.only_this_process,
        }

    return Panel(
        "log",
        "Log",
        order=80,
        reads={"lines": read_lines},
        answers={"lines": _Reader(app).lines},
        assets=assets_of("log"),
    )
