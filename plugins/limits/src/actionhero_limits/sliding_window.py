"""The estimate of a sliding window from the counts of two fixed windows, as a script and in Python.

The algorithm of the original ActionHero. A refused call counts, too, in the quota that refuses it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from actionhero_limits.quota import State
from actionhero_redis import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_limits.quota import Quota, Take

EPOCH_SECONDS: Final = 0

NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""
#: `ARGV` has for each key: the length of the window, the calls per window, and the cost. Returns
#: the time, and for each key the fields of `State`.
BODY: Final = """
local window, number, previous, current, cost, estimate, exceeded = {}, {}, {}, {}, {}, {}, {}
local refused = false
for i = 1, #KEYS do
  window[i], cost[i] = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i])
  number[i] = math.floor(now / window[i])
  local stored = redis.call('GET', KEYS[i])
  local n, p, c = string.match(stored or '', '^(%S+) (%S+) (%S+)$')
  n = tonumber(n) or -1
  previous[i], current[i] = 0, 0
  if n >= number[i] then
    number[i], previous[i], current[i] = n, tonumber(p), tonumber(c)
  elseif n == number[i] - 1 then
    previous[i] = tonumber(c)
  end
  local fraction = math.max(0, now - number[i] * window[i]) / window[i]
  estimate[i] = math.floor(previous[i] * (1 - fraction)) + current[i]
  -- A call without a cost needs as much as any other, and takes nothing.
  local needed = cost[i] > 0 and cost[i] or 1
  exceeded[i] = estimate[i] + needed > tonumber(ARGV[3 * i - 1])
  refused = refused or exceeded[i]
end
local reply = {now}
for i = 1, #KEYS do
  if cost[i] > 0 and (exceeded[i] or not refused) then
    estimate[i] = estimate[i] + cost[i]
    local value = string.format('%d %.4f %.4f', number[i], previous[i], current[i] + cost[i])
    redis.call('SET', KEYS[i], value, 'PX', math.ceil(2 * window[i] / 1000))
  end
  local reset = (number[i] + 1) * window[i] - now
  reply[3 * i - 1] = math.max(0, math.floor(ARGV[3 * i - 1] - estimate[i]))
  reply[3 * i] = exceeded[i] and reset or 0
  reply[3 * i + 1] = reset
end
return reply
"""
#: At worst, a call counts twice after a lost connection.
SCRIPT: Final = Script(NOW + BODY, idempotent=True)

#: The number of the window, the count of the one before, and its own count.
Counts = tuple[int, float, float]


def script_arguments(quota: Quota, cost: float) -> tuple[float, ...]:
    """Return the arguments of the script for one key."""
    return quota.seconds * 1_000_000, quota.calls, cost


def take(
    stored: Sequence[Counts | None], takes: Sequence[Take], now_us: float
) -> tuple[list[Counts | None], list[State]]:
    """Return the new counts and the states, as the script.

    Args:
        stored: The stored counts; `None` where there are none.
        takes: The requests.
        now_us: The time, in microseconds since the epoch.
    """
    counts = [
        _roll(item, request.quota.seconds * 1_000_000, now_us)
        for item, request in zip(stored, takes, strict=True)
    ]
    estimates = [
        _estimate(item, request.quota.seconds * 1_000_000, now_us)
        for item, request in zip(counts, takes, strict=True)
    ]
    exceeded = [
        estimate + (request.cost or 1) > request.quota.calls
        for request, estimate in zip(takes, estimates, strict=True)
    ]
    numbers: list[Counts | None] = []
    states: list[State] = []
    for item, before, request, estimate, is_exceeded in zip(
        counts, stored, takes, estimates, exceeded, strict=True
    ):
        number, previous, current = item
        cost = request.cost if is_exceeded or not any(exceeded) else 0
        numbers.append((number, previous, current + cost) if cost else before)
        reset = (number + 1) * request.quota.seconds * 1_000_000 - now_us
        wait = math.ceil(reset) if is_exceeded else 0
        remaining = max(0, math.floor(request.quota.calls - estimate - cost))
        states.append(State(remaining, wait, math.ceil(reset)))
    return numbers, states


def _roll(stored: Counts | None, window_us: int, now_us: float) -> Counts:
    """Return the counts of the current window."""
    number = math.floor(now_us / window_us)
    if stored is None or stored[0] < number - 1:
        return (number, 0, 0)
    return (number, stored[2], 0) if stored[0] == number - 1 else stored


def _estimate(counts: Counts, window_us: int, now_us: float) -> float:
    number, previous, current = counts
    fraction = max(0.0, now_us - number * window_us) / window_us
    return math.floor(previous * (1 - fraction)) + current
