"""The scripts of the Redis store. Each is one step: nothing comes between, all or nothing is done.

What they keep, and the functions that they share, are in `redis_prelude.py`.
"""

from __future__ import annotations

from typing import Final

from actionhero_tasks.redis_prelude import ADD_PRELUDE, LEAVE_FUNCTION, PRELUDE

ADD: Final = (
    ADD_PRELUDE
    + """
local ids = {}
for at = 1, #ARGV, 10 do ids[#ids + 1] = add(at) end
wake()
return ids
"""
)

#: An id, the time to live of what has ended, then nothing, or a job.
OPEN_BATCH: Final = (
    PRELUDE
    + """
local key = P .. 'batch:' .. ARGV[1]
if redis.call('HSETNX', key, 'total', 0) == 0 then return end
redis.call('HSET', key, 'completed', 0, 'failed', 0, 'sealed', 0, 'ttl', ARGV[2])
if #ARGV > 2 then
  redis.call('HSET', key, 'then_id', ARGV[3], 'then_queue', ARGV[4], 'then_action', ARGV[5],
             'then_body', ARGV[6], 'then_priority', ARGV[7])
end
"""
)

SEAL_BATCH: Final = (
    PRELUDE
    + """
if redis.call('EXISTS', P .. 'batch:' .. ARGV[1]) == 0 then return end
redis.call('HSET', P .. 'batch:' .. ARGV[1], 'sealed', 1)
look_at_batch(ARGV[1])
"""
)

#: A name, the time of the tick, whether it may overlap, and a job.
TICK: Final = (
    PRELUDE
    + """
local name, fire = ARGV[1], tonumber(ARGV[2])
local last = redis.call('HGET', P .. 'ticks', name)
if not last or tonumber(last) >= fire then return 0 end
redis.call('HSET', P .. 'ticks', name, ARGV[2])
if ARGV[3] == '0' and redis.call('SCARD', P .. 'schedule:' .. name) > 0 then return 0 end
add(4)
wake()
return 1
"""
)

LAST_TICK: Final = (
    PRELUDE
    + """
redis.call('HSETNX', P .. 'ticks', ARGV[1], ARGV[2])
return tonumber(redis.call('HGET', P .. 'ticks', ARGV[1]))
"""
)

#: An owner, whether it crashed, how many deliveries are too many, the error of one with too many.
LEAVE: Final = (
    PRELUDE
    + LEAVE_FUNCTION
    + """
return leave(ARGV[1], ARGV[2] == '1', tonumber(ARGV[3]), ARGV[4])
"""
)

#: How many deliveries are too many, the error, the time to live of results, how many go at once.
SWEEP: Final = (
    PRELUDE
    + LEAVE_FUNCTION
    + """
local count = 0
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', P .. 'owners', '-inf', now)) do
  count = count + leave(owner, true, tonumber(ARGV[1]), ARGV[2])
end
local old = redis.call('ZRANGEBYSCORE', P .. 'ended', '-inf', now - tonumber(ARGV[3]),
                       'LIMIT', 0, tonumber(ARGV[4]))
for _, id in ipairs(old) do
  local job = look(id)
  if job then
    redis.call('ZREM', place(job.state, job.queue), id)
    redis.call('DEL', P .. 'job:' .. id)
  end
  redis.call('ZREM', P .. 'ended', id)
end
return count
"""
)

#: An owner, its lease; a number for this trade, how many to claim, how many deliveries are too
#: many; how many queues and their names; then settlements of six values each.
TRADE: Final = (
    PRELUDE
    + """
local owner, nonce, limit, most = ARGV[1], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('ZADD', P .. 'owners', now + tonumber(ARGV[2]), owner)

local queues, at = nil, 7
if ARGV[6] ~= '' then
  queues = {}
  for _ = 1, tonumber(ARGV[6]) do queues[#queues + 1] = ARGV[at]; at = at + 1 end
end

local refused, done, failed = {}, 0, 0
local function settle(id, token, ending, result, error, delay)
  local job, key = look(id), P .. 'job:' .. id
  -- The answer to the first time may have been lost: it is not refused for that.
  if job and job.settled == token then return end
  if not job or job.state ~= 'running' or job.owner ~= owner or job.token ~= token then
    refused[#refused + 1] = id
    return
  end
  local state, attempts = ending, tonumber(job.attempts)
  local deliveries, due, ended = 0, '', now
  if ending == 'retry' or ending == 'release' then
    state, ended = delay > 0 and 'delayed' or 'ready', ''
    due = delay > 0 and now + delay or ''
  end
  if ending == 'release' then deliveries = tonumber(job.deliveries) - 1 end
  if ending == 'done' then done = done + 1 end
  if ending == 'retry' or ending == 'dead' then
    attempts, failed = attempts + 1, failed + 1
  end
  redis.call('HSET', key, 'state', state, 'owner', '', 'attempts', attempts,
             'deliveries', deliveries, 'ended_ms', ended, 'due_ms', due, 'settled', token)
  if result ~= '' then redis.call('HSET', key, 'result', result) end
  if error ~= '' then redis.call('HSET', key, 'error', error) end
  job.attempts, job.due_ms = attempts, due
  move(id, job, state)
end
while at <= #ARGV do
  settle(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], tonumber(ARGV[at + 5]))
  at = at + 6
end
if done > 0 then redis.call('HINCRBY', P .. 'totals', 'done', done) end
if failed > 0 then redis.call('HINCRBY', P .. 'totals', 'failed', failed) end

local due = redis.call('ZRANGEBYSCORE', P .. 'delayed', '-inf', now, 'LIMIT', 0, 1000)
for _, id in ipairs(due) do
  local job = look(id)
  redis.call('HSET', P .. 'job:' .. id, 'state', 'ready')
  move(id, job, 'ready')
end
-- Others may be waiting for what is due now, and for more than we take.
if #due > 0 then wake() end

local claims = {}
local function hand_over(id)
  local job = redis.call('HMGET', P .. 'job:' .. id, 'token', 'queue', 'action', 'body',
                         'deliveries', 'attempts')
  claims[#claims + 1] = {id, tonumber(job[1]), job[2], job[3], job[4], tonumber(job[5]),
                         tonumber(job[6] or 0)}
end
local function begin(id)
  local job, key = look(id), P .. 'job:' .. id
  local deliveries = redis.call('HINCRBY', key, 'deliveries', 1)
  redis.call('HINCRBY', key, 'token', 1)
  redis.call('HSET', key, 'state', 'running', 'owner', owner, 'started_ms', now, 'due_ms', '')
  move(id, job, 'running')
  redis.call('ZADD', P .. 'running:' .. owner, deliveries, id)
  hand_over(id)
end

local last = redis.call('HMGET', P .. 'last:' .. owner, 'nonce', 'ids')
if last[1] == nonce then
  for _, id in ipairs(cjson.decode(last[2])) do
    local job = look(id)
    if job and job.state == 'running' and job.owner == owner then hand_over(id) end
  end
  return {claims, refused}
end
if limit > 0 and redis.call('ZCOUNT', P .. 'running:' .. owner, most, '+inf') == 0 then
  for _, each in ipairs(redis.call('ZRANGE', P .. 'suspect', 0, queues and 99 or 0)) do
    local id = string.sub(each, 17)
    local wanted = queues == nil
    for _, queue in ipairs(queues or {}) do
      wanted = wanted or redis.call('HGET', P .. 'job:' .. id, 'queue') == queue
    end
    if wanted then begin(id) break end
  end
end
local names = queues or redis.call('SMEMBERS', P .. 'queues')
local found = {}
local wanted = limit - #claims
if wanted > 0 then
  for _, queue in ipairs(names) do
    local best = redis.call('ZRANGE', P .. 'ready:' .. queue, 0, wanted - 1, 'WITHSCORES')
    for index = 1, #best, 2 do found[#found + 1] = {tonumber(best[index + 1]), best[index]} end
  end
  if #names > 1 then
    table.sort(found, function(a, b) if a[1] ~= b[1] then return a[1] < b[1] end
                                     return a[2] < b[2] end)
  end
  for index = 1, math.min(wanted, #found) do begin(string.sub(found[index][2], 17)) end
end
local ids = {}
for index, each in ipairs(claims) do ids[index] = each[1] end
redis.call('HSET', P .. 'last:' .. owner, 'nonce', nonce,
           'ids', #ids > 0 and cjson.encode(ids) or '[]')
return {claims, refused}
"""
)

#: An id, a token, how much is done, and of how much.
PROGRESS: Final = (
    PRELUDE
    + """
local job = look(ARGV[1])
if job and job.token == ARGV[2] then
  redis.call('HSET', P .. 'job:' .. ARGV[1], 'progress', ARGV[3], 'progress_total', ARGV[4])
end
"""
)

CANCEL: Final = (
    PRELUDE
    + """
local job = look(ARGV[1])
if not job or not (job.state == 'delayed' or (SHOWN[job.state] or job.state) == 'ready') then
  return 0
end
redis.call('HSET', P .. 'job:' .. ARGV[1], 'state', 'cancelled', 'ended_ms', now)
move(ARGV[1], job, 'cancelled')
return 1
"""
)

RETRY: Final = (
    PRELUDE
    + """
local job = look(ARGV[1])
if not job or job.state ~= 'dead' then return 0 end
redis.call('HSET', P .. 'job:' .. ARGV[1], 'state', 'ready', 'deliveries', 0, 'attempts', 0,
           'ended_ms', '')
redis.call('HDEL', P .. 'job:' .. ARGV[1], 'error')
if job.schedule ~= '' then redis.call('SADD', P .. 'schedule:' .. job.schedule, ARGV[1]) end
move(ARGV[1], job, 'ready')
wake()
return 1
"""
)

DISCARD: Final = (
    PRELUDE
    + """
local job = look(ARGV[1])
if not job or job.state ~= 'dead' then return 0 end
redis.call('ZREM', place('dead', job.queue), ARGV[1])
redis.call('DEL', P .. 'job:' .. ARGV[1])
return 1
"""
)

COUNTS: Final = (
    PRELUDE
    + """
local found = {}
for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
  local counts = {queue}
  for _, state in ipairs({'ready', 'delayed', 'running', 'dead'}) do
    counts[#counts + 1] = redis.call('ZCARD', place(state, queue))
  end
  counts[#counts + 1] = redis.call('SCARD', P .. 'retrying:' .. queue)
  local oldest = redis.call('ZRANGE', place('ready', queue), 0, 0)[1]
  local made = oldest and redis.call('HGET', P .. 'job:' .. oldest, 'created_ms')
  counts[#counts + 1] = made and now - tonumber(made) or -1
  found[#found + 1] = counts
end
return found
"""
)
