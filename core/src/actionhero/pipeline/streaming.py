"""The part of the pipeline that passes the items of a stream to the transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero.call import Outcome
from actionhero.streams import Stream, consume, with_preparation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero.call import Call
    from actionhero.pipeline.call_plan import CallPlan
    from actionhero.streams import Chunk, Item, Sink


async def run_stream(
    plan: CallPlan,
    call: Call,
    sink: Sink | None,
    restart_timeout: Callable[[], object] | None,
    save_session: Callable[[], Awaitable[None]] | None,
) -> Outcome:
    """Run an action that streams, and return its outcome once its stream has ended.

    Args:
        plan: The plan of the call.
        call: The call.
        sink: Receives the items. Without one, the result is the list of them.
        restart_timeout: Called before and after each item is sent.
        save_session: Saves the session, before the first item.
    """
    value: Any = None
    prepare: Callable[[Any], Chunk | Item] = plan.outputs.item
    if plan.action.is_generator:
        items = plan.run(call)
    else:
        value = await plan.run(call)
        if not isinstance(value, Stream):
            return plan.complete(value, encode=True)
        items, prepare = value.chunks, value.chunk
    if sink is not None and save_session is not None:
        # A transport can send a cookie before the first item only.
        sink = with_preparation(sink, save_session)
    collected = await consume(items, prepare, sink, restart_timeout)
    if sink is not None:
        return Outcome(value)
    return plan.complete(collected, encode=True) if value is None else Outcome(collected)
