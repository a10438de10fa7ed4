"""The generic cell rate algorithm (GCRA), as a script for Redis and in Python.

It stores one number for each identity: the time at which its quota is whole again. A call moves it
by the time in which the quota of one call returns, and is refused if that would be further ahead
than the whole quota takes to return. See ITU-T I.371, annex A.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from actionhero_limits.quota import State
from actionhero_redis import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_limits.quota import Quota, Take

#: The beginning of its time, 2026-01-01. Times are in microseconds, with four bits of fraction:
#: numbers of Lua and of Python are exact in this unit until 2043.
EPOCH_SECONDS: Final = 1_767_225_600

NOW: Final = f"""
local time = redis.call('TIME')
local now = (time[1] - {EPOCH_SECONDS}) * 1000000 + time[2]
"""
#: `ARGV` has for each key: the time in which the quota of one call returns, the calls that are
#: possible at once, and the cost. Returns the time, and for each key the fields of `State`. Nothing
#: is stored unless all calls are possible.
BODY: Final = """
local span, emission, current, wait, cost = {}, {}, {}, {}, {}
local refused = false
for i = 1, #KEYS do
  emission[i] = tonumber(ARGV[3 * i - 2])
  span[i] = emission[i] * ARGV[3 * i - 1]
  cost[i] = tonumber(ARGV[3 * i])
  local stored = redis.call('GET', KEYS[i])
  -- Not further ahead than the whole quota: the clock was set back, or the limit was changed.
  current[i] = stored and math.max(now, math.min(tonumber(stored), now + span[i])) or now
  -- A call without a cost needs as much as any other, and takes nothing.
  local needed = cost[i] > 0 and cost[i] or 1
  wait[i] = math.max(0, current[i] + emission[i] * needed - now - span[i])
  refused = refused or wait[i] > 0
end
local reply = {now}
for i = 1, #KEYS do
  if not refused and cost[i] > 0 then
    current[i] = current[i] + emission[i] * cost[i]
    -- At least one: a cost below the resolution of the time does not move it.
    local ttl = math.max(1, math.ceil((current[i] - now) / 1000))
    redis.call('SET', KEYS[i], string.format('%.4f', current[i]), 'PX', ttl)
  end
  reply[3 * i - 1] = math.floor((span[i] - (current[i] - now)) / emission[i])
  reply[3 * i] = math.ceil(wait[i])
  reply[3 * i + 1] = math.ceil(current[i] - now)
end
return reply
"""
#: Idempotent in the sense that repeating it after a lost connection is better than to fail: at
#: worst a call counts twice.
SCRIPT: Final = Script(NOW + BODY, idempotent=True)


def script_arguments(quota: Quota, cost: float) -> tuple[float, ...]:
    """Return the arguments of the script for one key."""
    return quota.emission_us, quota.burst, cost


def take(
    stored: Sequence[float | None], takes: Sequence[Take], now_us: float
) -> tuple[list[float | None], list[State]]:
    """Return the new numbers and the states, as the script.

    Args:
        stored: The stored numbers; `None` where there is none.
        takes: The requests.
        now_us: The time, in the unit of the script.
    """
    emissions = [item.quota.emission_us for item in takes]
    spans = [emission * item.quota.burst for emission, item in zip(emissions, takes, strict=True)]
    currents = [
        now_us if number is None else max(now_us, min(number, now_us + span))
        for number, span in zip(stored, spans, strict=True)
    ]
    waits = [
        max(0.0, current + emission * (item.cost or 1) - now_us - span)
        for current, emission, span, item in zip(currents, emissions, spans, takes, strict=True)
    ]
    numbers = list(stored)
    if not any(waits):
        for index, (emission, item) in enumerate(zip(emissions, takes, strict=True)):
            if item.cost:
                numbers[index] = currents[index] = currents[index] + emission * item.cost
    return numbers, [
        State(
            math.floor((span - (current - now_us)) / emission),
            math.ceil(wait),
            math.ceil(current - now_us),
        )
        for span, current, emission, wait in zip(spans, currents, emissions, waits, strict=True)
    ]
