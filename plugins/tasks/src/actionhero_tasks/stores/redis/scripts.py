"""The Lua scripts of the Redis store, each of which Redis runs atomically.

`prelude.py` documents the keys, and contains the functions that the scripts share.
"""

from __future__ import annotations

from typing import Final

from actionhero_tasks.stores.redis.prelude import (
    ADD_PRELUDE,
    CLAIM_FUNCTIONS,
    LIMIT_FUNCTIONS,
    PRELUDE,
    REMOVE_WORKER_FUNCTION,
)

ADD: Final = (
    ADD_PRELUDE
    + """
local ids, at = {}, 1
while at <= #ARGV do at = add_jobs(at, ids) end
wake()
return ids
"""
)

#: ARGV: an id, the lifetime of results, and optionally the job to add at the end.
OPEN_BATCH: Final = (
    PRELUDE
    + """
local key = P .. 'batch:' .. ARGV[1]
if redis.call('HSETNX', key, 'total', 0) == 0 then return end
redis.call('HSET', key, 'completed', 0, 'failed', 0, 'closed', 0, 'ttl', ARGV[2])
if #ARGV > 2 then
  redis.call('HSET', key, 'then_id', ARGV[3], 'then_queue', ARGV[4], 'then_action', ARGV[5],
             'then_body', ARGV[6], 'then_priority', ARGV[7])
end
"""
)

CLOSE_BATCH: Final = (
    PRELUDE
    + """
if redis.call('EXISTS', P .. 'batch:' .. ARGV[1]) == 0 then return end
redis.call('HSET', P .. 'batch:' .. ARGV[1], 'closed', 1)
check_batch(ARGV[1])
"""
)

#: ARGV: a schedule, a time, whether runs may overlap, and a job.
ENQUEUE_SCHEDULED: Final = (
    PRELUDE
    + """
local name, fire = ARGV[1], tonumber(ARGV[2])
local last = redis.call('HGET', P .. 'fire_times', name)
if not last or tonumber(last) >= fire then return 0 end
redis.call('HSET', P .. 'fire_times', name, ARGV[2])
if ARGV[3] == '0' and redis.call('SCARD', P .. 'schedule:' .. name) > 0 then return 0 end
add_jobs(4, {})
wake()
return 1
"""
)

LAST_FIRE_TIME: Final = (
    PRELUDE
    + """
redis.call('HSETNX', P .. 'fire_times', ARGV[1], ARGV[2])
return tonumber(redis.call('HGET', P .. 'fire_times', ARGV[1]))
"""
)

#: ARGV: a schedule, its last time, and the time that replaces it.
RESET_FIRE_TIME: Final = (
    PRELUDE
    + """
if redis.call('HGET', P .. 'fire_times', ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', P .. 'fire_times', ARGV[1], ARGV[3])
return 1
"""
)

#: ARGV: a worker id, whether it crashed, the maximum of deliveries, the error of jobs with so many.
REMOVE_WORKER: Final = (
    PRELUDE
    + REMOVE_WORKER_FUNCTION
    + """
return remove_worker(ARGV[1], ARGV[2] == '1', tonumber(ARGV[3]), ARGV[4])
"""
)

#: ARGV: the maximum of deliveries, the error of jobs with so many, the lifetime of results, how
#: many of them to delete, the lease of a worker.
SWEEP: Final = (
    PRELUDE
    + REMOVE_WORKER_FUNCTION
    + """
-- If no worker has swept for a while, none was heard: Redis was away, or its clock was changed. The
-- leases say nothing then, and begin anew.
local lease, last = tonumber(ARGV[5]), tonumber(redis.call('GET', P .. 'swept') or now)
redis.call('SET', P .. 'swept', now)
if now - last > lease / 2 or now < last then
  for _, worker_id in ipairs(redis.call('ZRANGE', P .. 'workers', 0, -1)) do
    redis.call('ZADD', P .. 'workers', now + lease, worker_id)
  end
end
local count = 0
for _, worker_id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'workers', '-inf', now)) do
  count = count + remove_worker(worker_id, true, tonumber(ARGV[1]), ARGV[2])
end
local expired = redis.call('ZRANGEBYSCORE', P .. 'ended', '-inf', now - tonumber(ARGV[3]),
                           'LIMIT', 0, tonumber(ARGV[4]))
for _, id in ipairs(expired) do
  local job = load_job(id)
  if job then delete_job(id, job) end
  redis.call('ZREM', P .. 'ended', id)
end
return {count, #expired}
"""
)

#: ARGV: a worker id, its lease, a nonce for this step, how many jobs to claim, the maximum of
#: deliveries; the number of queues and their names; the number of limits of queues, and four
#: values for each; then settlements of six values each.
SETTLE_AND_CLAIM: Final = (
    PRELUDE
    + LIMIT_FUNCTIONS
    + CLAIM_FUNCTIONS
    + """
local worker_id, nonce = ARGV[1], ARGV[3]
local limit, max_deliveries = tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('ZADD', P .. 'workers', now + tonumber(ARGV[2]), worker_id)

local queues, at = nil, 7
if ARGV[6] ~= '' then
  queues = {}
  for _ = 1, tonumber(ARGV[6]) do queues[#queues + 1] = ARGV[at]; at = at + 1 end
end

at = read_limits(at)

local rejected, done, failed, frees_capacity = {}, 0, 0, false
local function settle(id, token, kind, result, error, delay)
  local job, key = load_job(id), P .. 'job:' .. id
  -- A repeated settlement is accepted: the first reply may have been lost.
  if job and job.settled == token then return end
  if not job or job.state ~= 'running' or job.worker_id ~= worker_id or job.token ~= token then
    rejected[#rejected + 1] = id
    return
  end
  local state, attempts = kind, tonumber(job.attempts)
  local deliveries, due, ended = 0, '', now
  if kind == 'retry' or kind == 'release' then
    state, ended = delay > 0 and 'delayed' or 'ready', ''
    due = delay > 0 and now + delay or ''
    -- Instead of running again.
    if job.cancel_requested ~= '' then state, due, ended = 'cancelled', '', now end
  end
  if kind == 'cancel' then state = 'cancelled' end
  if kind == 'release' then
    deliveries = tonumber(job.deliveries) - 1
    if state == 'ready' then state = ready_state(deliveries, max_deliveries) end
  end
  if kind == 'done' then done = done + 1 end
  if kind == 'retry' or kind == 'dead' then
    attempts, failed = attempts + 1, failed + 1
  end
  redis.call('HSET', key, 'state', state, 'worker_id', '', 'attempts', attempts,
             'deliveries', deliveries, 'ended_ms', ended, 'due_ms', due, 'settled', token)
  if result ~= '' then redis.call('HSET', key, 'result', result) end
  if error ~= '' then redis.call('HSET', key, 'error', error) end
  -- That of an attempt before.
  if kind == 'done' and attempts > 0 then redis.call('HDEL', key, 'error') end
  job.attempts, job.due_ms = attempts, due
  move(id, job, state)
  if limits and limits[job.queue] then frees_capacity = true end
end
while at <= #ARGV do
  settle(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], tonumber(ARGV[at + 5]))
  at = at + 6
end
if done > 0 then redis.call('HINCRBY', P .. 'totals', 'done', done) end
if failed > 0 then redis.call('HINCRBY', P .. 'totals', 'failed', failed) end

local due = redis.call('ZRANGEBYSCORE', P .. 'delayed', '-inf', now, 'LIMIT', 0, 1000)
for _, id in ipairs(due) do
  local job = load_job(id)
  redis.call('HSET', P .. 'job:' .. id, 'state', 'ready')
  move(id, job, 'ready')
end
-- Other workers may be waiting for jobs that are due now.
if #due > 0 or frees_capacity then wake() end

local function start_counted(id)
  local job = load_job(id)
  start(id, job, worker_id)
  if limits then record_start(id, job.queue, tonumber(job.token) + 1) end
end

local last = redis.call('HMGET', P .. 'last:' .. worker_id, 'nonce', 'ids')
if last[1] == nonce then
  for _, id in ipairs(cjson.decode(last[2])) do
    local job = load_job(id)
    if job and job.state == 'running' and job.worker_id == worker_id then append_claim(id) end
  end
  return {claims, rejected, next_start}
end
local suspects = redis.call('ZCOUNT', P .. 'running:' .. worker_id, max_deliveries, '+inf')
if limit > 0 and suspects == 0 then
  local last_index = (queues or limits or has_paused) and 99 or 0
  for _, entry in ipairs(redis.call('ZRANGE', P .. 'suspect', 0, last_index)) do
    local id = string.sub(entry, 17)
    local of_job = redis.call('HGET', P .. 'job:' .. id, 'queue')
    local matches = queues == nil
    for _, queue in ipairs(queues or {}) do matches = matches or of_job == queue end
    if matches and capacity(of_job, 1) > 0 then start_counted(id) break end
  end
end
local names = queues or redis.call('SMEMBERS', P .. 'queues')
local candidates = {}
local count = limit - #claims
if count > 0 then
  for _, queue in ipairs(names) do
    local most = capacity(queue, count)
    if most > 0 then
      local first = redis.call('ZRANGE', P .. 'ready:' .. queue, 0, most - 1, 'WITHSCORES')
      for index = 1, #first, 2 do
        candidates[#candidates + 1] = {tonumber(first[index + 1]), first[index]}
      end
    end
  end
  if #names > 1 then
    table.sort(candidates, function(a, b) if a[1] ~= b[1] then return a[1] < b[1] end
                                          return a[2] < b[2] end)
  end
  for index = 1, math.min(count, #candidates) do
    start_counted(string.sub(candidates[index][2], 17))
  end
end
local ids = {}
for index, claim in ipairs(claims) do ids[index] = claim[1] end
redis.call('HSET', P .. 'last:' .. worker_id, 'nonce', nonce,
           'ids', #ids > 0 and cjson.encode(ids) or '[]')
return {claims, rejected, next_start}
"""
)

#: ARGV: an id, a token, the progress, and its total.
PROGRESS: Final = (
    PRELUDE
    + """
local job = load_job(ARGV[1])
if job and job.token == ARGV[2] then
  redis.call('HSET', P .. 'job:' .. ARGV[1], 'progress', ARGV[3], 'progress_total', ARGV[4])
end
"""
)

CANCEL: Final = (
    PRELUDE
    + """
local job = load_job(ARGV[1])
if job and job.state == 'running' then
  redis.call('HSET', P .. 'job:' .. ARGV[1], 'cancel_requested', '1')
  redis.call('SADD', P .. 'cancelling:' .. job.worker_id, ARGV[1])
  return 1
end
if not job or not (job.state == 'delayed' or (REPORTED[job.state] or job.state) == 'ready') then
  return 0
end
redis.call('HSET', P .. 'job:' .. ARGV[1], 'state', 'cancelled', 'ended_ms', now)
move(ARGV[1], job, 'cancelled')
return 1
"""
)

#: ARGV: an id, and optionally the body that replaces that of the job.
RETRY: Final = (
    PRELUDE
    + """
local job = load_job(ARGV[1])
if not job or job.state ~= 'dead' then return 0 end
redis.call('HSET', P .. 'job:' .. ARGV[1], 'state', 'ready', 'deliveries', 0, 'attempts', 0,
           'ended_ms', '')
redis.call('HDEL', P .. 'job:' .. ARGV[1], 'error', 'cancel_requested')
if ARGV[2] then redis.call('HSET', P .. 'job:' .. ARGV[1], 'body', ARGV[2]) end
if job.schedule ~= '' then redis.call('SADD', P .. 'schedule:' .. job.schedule, ARGV[1]) end
move(ARGV[1], job, 'ready')
wake()
return 1
"""
)

DISCARD: Final = (
    PRELUDE
    + """
local job = load_job(ARGV[1])
if not job or job.state ~= 'dead' then return 0 end
free_key(ARGV[1])
delete_job(ARGV[1], job)
return 1
"""
)

RESUME_QUEUE: Final = (
    PRELUDE
    + """
local resumed = redis.call('SREM', P .. 'paused', ARGV[1])
wake()
return resumed
"""
)

COUNTS: Final = (
    PRELUDE
    + """
local result = {}
for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
  local counts = {queue}
  for _, state in ipairs({'ready', 'delayed', 'running', 'dead'}) do
    counts[#counts + 1] = redis.call('ZCARD', state_key(state, queue))
  end
  counts[#counts + 1] = redis.call('SCARD', P .. 'retrying:' .. queue)
  local oldest = redis.call('ZRANGE', state_key('ready', queue), 0, 0)[1]
  local created = oldest and redis.call('HGET', P .. 'job:' .. oldest, 'created_ms')
  counts[#counts + 1] = created and now - tonumber(created) or -1
  result[#result + 1] = counts
end
return result
"""
)
