"""`RedisOutbox`: the Redis store's part in the way of jobs through a broker."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.job import Claim
from actionhero_tasks.outbox import Outbox, ReadyJob
from actionhero_tasks.redis_prelude import PRELUDE
from actionhero_tasks.store import MOST_DELIVERIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: How many at most.
BEGIN_SENDING: Final = (
    PRELUDE
    + """
local left, found = tonumber(ARGV[1]), {}
for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
  if left <= 0 then break end
  for _, each in ipairs(redis.call('ZRANGE', P .. 'ready:' .. queue, 0, left - 1)) do
    local id = string.sub(each, 17)
    local job = look(id)
    redis.call('HSET', P .. 'job:' .. id, 'state', 'sending')
    move(id, job, 'sending')
    found[#found + 1] = {id, queue, redis.call('HGET', P .. 'job:' .. id, 'action'), job.priority}
    left = left - 1
  end
end
return found
"""
)

#: The state that they have now, and the ids; whether those who wait are woken.
END_SENDING: Final = (
    PRELUDE
    + """
for at = 3, #ARGV do
  local job = look(ARGV[at])
  if job and job.state == 'sending' then
    redis.call('HSET', P .. 'job:' .. ARGV[at], 'state', ARGV[1])
    move(ARGV[at], job, ARGV[1])
  end
end
if ARGV[2] == '1' then wake() end
"""
)

#: The set that they are in, before which time they have to be there, and how many at most.
UNSEND: Final = (
    PRELUDE
    + """
local ids = redis.call('ZRANGEBYSCORE', P .. ARGV[1], '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do
  local job = look(id)
  redis.call('HSET', P .. 'job:' .. id, 'state', 'ready')
  move(id, job, 'ready')
end
return #ids
"""
)

SENT: Final = (
    PRELUDE
    + """
local found = {}
for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
  local count = redis.call('ZCARD', P .. 'sent:' .. queue)
  if count > 0 then
    found[#found + 1] = queue
    found[#found + 1] = count
  end
end
return found
"""
)

#: An owner, its lease; a number for this claim, how many deliveries are too many; how many queues
#: and their names; then ids.
CLAIM: Final = (
    PRELUDE
    + """
local owner, nonce, most = ARGV[1], ARGV[3], tonumber(ARGV[4])
redis.call('ZADD', P .. 'owners', now + tonumber(ARGV[2]), owner)
local queues, at = nil, 6
if ARGV[5] ~= '' then
  queues = {}
  for _ = 1, tonumber(ARGV[5]) do queues[ARGV[at]] = true; at = at + 1 end
end

local claims = {}
local function hand_over(id)
  local job = redis.call('HMGET', P .. 'job:' .. id, 'token', 'queue', 'action', 'body',
                         'deliveries', 'attempts')
  claims[#claims + 1] = {id, tonumber(job[1]), job[2], job[3], job[4], tonumber(job[5]),
                         tonumber(job[6] or 0)}
end
local function begin(id, job)
  local key = P .. 'job:' .. id
  local deliveries = redis.call('HINCRBY', key, 'deliveries', 1)
  redis.call('HINCRBY', key, 'token', 1)
  redis.call('HSET', key, 'state', 'running', 'owner', owner, 'started_ms', now, 'due_ms', '')
  move(id, job, 'running')
  redis.call('ZADD', P .. 'running:' .. owner, deliveries, id)
  hand_over(id)
end

-- What was claimed in an answer that was lost is told again.
local last = redis.call('HMGET', P .. 'last:' .. owner, 'ticket_nonce', 'ticket_ids')
if last[1] == nonce then
  for _, id in ipairs(cjson.decode(last[2])) do
    local job = look(id)
    if job and job.state == 'running' and job.owner == owner then hand_over(id) end
  end
end
if at <= #ARGV then
  for index = at, #ARGV do
    local job = look(ARGV[index])
    if job and (job.state == 'sent' or job.state == 'sending' or job.state == 'ready') then
      begin(ARGV[index], job)
    end
  end
elseif redis.call('ZCOUNT', P .. 'running:' .. owner, most, '+inf') == 0 then
  for _, each in ipairs(redis.call('ZRANGE', P .. 'suspect', 0, queues and 99 or 0)) do
    local id = string.sub(each, 17)
    local job = look(id)
    if queues == nil or queues[job.queue] then begin(id, job) break end
  end
end
local ids = {}
for index, each in ipairs(claims) do ids[index] = each[1] end
redis.call('HSET', P .. 'last:' .. owner, 'ticket_nonce', nonce,
           'ticket_ids', #ids > 0 and cjson.encode(ids) or '[]')
return claims
"""
)

#: All of them, by the names by which the store runs them.
SCRIPTS: Final = {
    "BEGIN_SENDING": BEGIN_SENDING,
    "END_SENDING": END_SENDING,
    "UNSEND": UNSEND,
    "SENT": SENT,
    "CLAIM": CLAIM,
}


class RedisOutbox(Outbox):
    """Jobs in Redis that are on their way through a broker.

    Args:
        run: Runs one of `SCRIPTS`.
        lease_ms: After which time an owner of whom nothing was heard is taken for gone.
    """

    def __init__(self, run: Callable[..., Any], lease_ms: int) -> None:
        self._run = run
        self._lease_ms = lease_ms
        #: The number of the claim that an owner is at. It stays the same until it is answered.
        self._claims: dict[str, str] = {}

    def begin_sending(self, limit: int) -> list[ReadyJob]:
        return [
            ReadyJob(id.decode(), queue.decode(), action.decode(), int(priority))
            for id, queue, action, priority in self._run("BEGIN_SENDING", limit)
        ]

    def mark_sent(self, ids: Sequence[str]) -> None:
        self._run("END_SENDING", "sent", 1, *ids)

    def give_up_sending(self, ids: Sequence[str]) -> None:
        self._run("END_SENDING", "ready", 0, *ids)

    def unsend(self, queue: str, before_ms: int, limit: int) -> int:
        return int(self._run("UNSEND", f"sent:{queue}", before_ms, limit))

    def mend(self, before_ms: int) -> int:
        return int(self._run("UNSEND", "sending", before_ms, -1))

    def sent(self) -> dict[str, int]:
        found = iter(self._run("SENT"))
        return {queue.decode(): count for queue, count in zip(found, found, strict=True)}

    def claim(self, owner: str, queues: Sequence[str] | None, ids: Sequence[str]) -> list[Claim]:
        nonce = self._claims.setdefault(owner, secrets.token_hex(8))
        asked = ("",) if queues is None else (len(queues), *queues)
        found = self._run("CLAIM", owner, self._lease_ms, nonce, MOST_DELIVERIES, *asked, *ids)
        self._claims.pop(owner, None)
        return [
            Claim(id.decode(), token, queue.decode(), action.decode(), body, deliveries, attempts)
            for id, token, queue, action, body, deliveries, attempts in found
        ]
