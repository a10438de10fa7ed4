"""`RedisOutbox`: the outbox of the Redis store."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from actionhero_tasks.job import Claim
from actionhero_tasks.stores.outbox import Outbox, ReadyJob
from actionhero_tasks.stores.redis.prelude import CLAIM_FUNCTIONS, PRELUDE
from actionhero_tasks.stores.redis.values import queue_arguments
from actionhero_tasks.stores.store import MAX_DELIVERIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: ARGV: how many jobs to return, and queues to exclude.
BEGIN_SENDING: Final = (
    PRELUDE
    + """
local limit, jobs, excluded = tonumber(ARGV[1]), {}, {}
for at = 2, #ARGV do excluded[ARGV[at]] = true end
for _, queue in ipairs(redis.call('SMEMBERS', P .. 'paused')) do excluded[queue] = true end
for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
  if limit <= 0 then break end
  local entries = {}
  if not excluded[queue] then
    entries = redis.call('ZRANGE', P .. 'ready:' .. queue, 0, limit - 1)
  end
  for _, entry in ipairs(entries) do
    local id = string.sub(entry, 17)
    local job = load_job(id)
    redis.call('HSET', P .. 'job:' .. id, 'state', 'sending')
    move(id, job, 'sending')
    jobs[#jobs + 1] = {id, queue, redis.call('HGET', P .. 'job:' .. id, 'action'), job.priority}
    limit = limit - 1
  end
end
return jobs
"""
)

#: ARGV: the new state, whether to notify waiting workers, and ids.
END_SENDING: Final = (
    PRELUDE
    + """
for at = 3, #ARGV do
  local job = load_job(ARGV[at])
  if job and job.state == 'sending' then
    redis.call('HSET', P .. 'job:' .. ARGV[at], 'state', ARGV[1])
    move(ARGV[at], job, ARGV[1])
  end
end
if ARGV[2] == '1' then wake() end
"""
)

#: ARGV: the set of the jobs, the time before which they must have been added to it, a limit.
RESET_SENT: Final = (
    PRELUDE
    + """
local ids = redis.call('ZRANGEBYSCORE', P .. ARGV[1], '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do
  local job = load_job(id)
  redis.call('HSET', P .. 'job:' .. id, 'state', 'ready')
  move(id, job, 'ready')
end
return #ids
"""
)

SENT: Final = (
    PRELUDE
    + """
local counts = {}
for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
  local count = redis.call('ZCARD', P .. 'sent:' .. queue)
  if count > 0 then
    counts[#counts + 1] = queue
    counts[#counts + 1] = count
  end
end
return counts
"""
)

#: ARGV: a worker id, its lease, a nonce for this claim, the maximum of deliveries; the number of
#: queues and their names; the number of excluded queues and their names; then ids.
CLAIM: Final = (
    PRELUDE
    + CLAIM_FUNCTIONS
    + """
local worker_id, nonce, max_deliveries = ARGV[1], ARGV[3], tonumber(ARGV[4])
redis.call('ZADD', P .. 'workers', now + tonumber(ARGV[2]), worker_id)
local queues, at = nil, 6
if ARGV[5] ~= '' then
  queues = {}
  for _ = 1, tonumber(ARGV[5]) do queues[ARGV[at]] = true; at = at + 1 end
end
local excluded = {}
local last_excluded = at + tonumber(ARGV[at])
for index = at + 1, last_excluded do excluded[ARGV[index]] = true end
local paused, is_paused = redis.call('SMEMBERS', P .. 'paused'), {}
for _, queue in ipairs(paused) do excluded[queue] = true; is_paused[queue] = true end
local is_filtered = queues ~= nil or last_excluded > at or #paused > 0
at = last_excluded + 1

-- The claims of a lost reply are returned again.
local last = redis.call('HMGET', P .. 'last:' .. worker_id, 'delivery_nonce', 'delivery_ids')
if last[1] == nonce then
  for _, id in ipairs(cjson.decode(last[2])) do
    local job = load_job(id)
    if job and job.state == 'running' and job.worker_id == worker_id then append_claim(id) end
  end
end
if at <= #ARGV then
  for index = at, #ARGV do
    local job = load_job(ARGV[index])
    if job and (job.state == 'sent' or job.state == 'sending' or job.state == 'ready') then
      if not is_paused[job.queue] then
        start(ARGV[index], job, worker_id)
      elseif job.state ~= 'ready' then
        redis.call('HSET', P .. 'job:' .. ARGV[index], 'state', 'ready')
        move(ARGV[index], job, 'ready')
      end
    end
  end
elseif redis.call('ZCOUNT', P .. 'running:' .. worker_id, max_deliveries, '+inf') == 0 then
  for _, entry in ipairs(redis.call('ZRANGE', P .. 'suspect', 0, is_filtered and 99 or 0)) do
    local id = string.sub(entry, 17)
    local job = load_job(id)
    local matches = (queues == nil or queues[job.queue]) and not excluded[job.queue]
    if matches then start(id, job, worker_id) break end
  end
end
local ids = {}
for index, claim in ipairs(claims) do ids[index] = claim[1] end
redis.call('HSET', P .. 'last:' .. worker_id, 'delivery_nonce', nonce,
           'delivery_ids', #ids > 0 and cjson.encode(ids) or '[]')
return claims
"""
)

#: All scripts, by name.
SCRIPTS: Final = {
    "BEGIN_SENDING": BEGIN_SENDING,
    "END_SENDING": END_SENDING,
    "RESET_SENT": RESET_SENT,
    "SENT": SENT,
    "CLAIM": CLAIM,
}


class RedisOutbox(Outbox):
    """The delivery state of the jobs in Redis.

    Args:
        run: Runs one of `SCRIPTS`.
        lease_ms: How long the lease of a worker is valid after a heartbeat.
    """

    def __init__(self, run: Callable[..., Any], lease_ms: int) -> None:
        self._run = run
        self._lease_ms = lease_ms
        #: A nonce for the current claim of each worker, which is reused until there is a reply.
        self._nonces: dict[str, str] = {}

    def begin_sending(self, limit: int) -> list[ReadyJob]:
        return [
            ReadyJob(id.decode(), queue.decode(), action.decode(), int(priority))
            for id, queue, action, priority in self._run(
                "BEGIN_SENDING", limit, *self.excluded_queues
            )
        ]

    def mark_sent(self, ids: Sequence[str]) -> None:
        self._run("END_SENDING", "sent", 1, *ids)

    def mark_unsent(self, ids: Sequence[str]) -> None:
        self._run("END_SENDING", "ready", 0, *ids)

    def reset_sent(self, queue: str, before_ms: int, limit: int) -> int:
        return int(self._run("RESET_SENT", f"sent:{queue}", before_ms, limit))

    def reset_stale(self, before_ms: int) -> int:
        return int(self._run("RESET_SENT", "sending", before_ms, -1))

    def sent_counts(self) -> dict[str, int]:
        reply = iter(self._run("SENT"))
        return {queue.decode(): count for queue, count in zip(reply, reply, strict=True)}

    def claim(
        self, worker_id: str, queues: Sequence[str] | None, ids: Sequence[str]
    ) -> list[Claim]:
        nonce = self._nonces.setdefault(worker_id, secrets.token_hex(8))
        claims = self._run(
            "CLAIM",
            *(worker_id, self._lease_ms, nonce, MAX_DELIVERIES),
            *queue_arguments(queues),
            *(len(self.excluded_queues), *self.excluded_queues),
            *ids,
        )
        self._nonces.pop(worker_id, None)
        return [
            Claim(id.decode(), token, queue.decode(), action.decode(), body, deliveries, attempts)
            for id, token, queue, action, body, deliveries, attempts in claims
        ]
