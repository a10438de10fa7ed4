"""The actions of the newsletter, which are actors too."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import Any

import dramatiq
from dramatiq import group, pipeline
from dramatiq.middleware import CurrentMessage
from dramatiq_workflow import Chain, Group, Workflow

from actionhero import Action, Call, Inputs, Secret
from actionhero_tasks import Task
from newsletter.actors import count_words, log_line, word_lengths

TIMEOUT_MS = 60_000


class RenderInputs(Inputs):
    text: str
    signature: Secret[str] = ""


class Render(Action):
    """Render an issue."""

    name = "issue:render"
    task = Task(queue="render", retries=1, backoff=timedelta(0))

    async def run(self, inputs: RenderInputs, call: Call) -> str:
        call.progress(1, 1)
        return f"<p>{inputs.text}{inputs.signature}</p>"


class DeliverInputs(Inputs):
    recipient: str
    html: str


class Deliver(Action):
    """Deliver an issue to a recipient."""

    name = "issue:deliver"
    task = Task(queue="mail")

    async def run(self, inputs: DeliverInputs) -> str:
        message = CurrentMessage.get_current_message()
        assert message is not None
        log_line(f"deliver {inputs.recipient} {message.message_id}")
        return f"{inputs.recipient}: {inputs.html}"


class Publish(Action):
    """Publish an issue in every way that dramatiq composes messages."""

    name = "issue:publish"
    timeout = timedelta(minutes=2)

    async def run(self, inputs: RenderInputs) -> dict[str, Any]:
        broker = dramatiq.get_broker()
        render, deliver = broker.get_actor("issue:render"), broker.get_actor("issue:deliver")
        text = {"text": inputs.text, "signature": inputs.signature}
        counted = count_words.send(inputs.text)
        measured = pipeline(
            [word_lengths.message(inputs.text), count_words.message_with_options()]
        ).run()
        mails = group(
            [render.message(**text) | deliver.message(recipient=name) for name in ("ada", "grace")]
        )
        mails.add_completion_callback(log_line.message("all delivered"))
        mails.run()
        Workflow(
            Chain(
                render.message(**text),
                Group(log_line.message("one"), log_line.message("two")),
                log_line.message("workflow ended"),
            )
        ).run()
        return {
            "pid": os.getpid(),
            "counted": await _result(counted),
            "measured": await _result(measured),
            "mails": await asyncio.to_thread(
                lambda: list(mails.get_results(block=True, timeout=TIMEOUT_MS))
            ),
        }


async def _result(message: Any) -> Any:
    return await asyncio.to_thread(message.get_result, block=True, timeout=TIMEOUT_MS)
