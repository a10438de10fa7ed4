"""What the scripts of the Redis store share.

What is kept, all of it below one hash tag, so that a cluster keeps it on one server:

| key | what |
|---|---|
| `job:ID` | a hash: all that is known of a job |
| `ready:QUEUE` | the jobs that wait, sorted by priority, then by age |
| `suspect` | those that were running twice when their worker ended |
| `sending`, `sent:QUEUE` | those whose tickets go to a broker now, or are there, by since when |
| `delayed` | the jobs that are not due yet, by the time they are |
| `running:OWNER` | the jobs that an owner runs, by how often they were begun |
| `ended` | the jobs that are done or cancelled, by when they ended |
| `in:STATE:QUEUE` | the jobs of a state, by age: to count and to list |
| `retrying:QUEUE` | of the delayed jobs, those that have failed |
| `queues`, `owners` | the names of queues; owners, by when they are taken for gone |
| `key:KEY` | the job that has a key, as long as it has |
| `batch:ID`, `of:ID` | what is counted of a fan-out; its jobs, by age |
| `ticks`, `schedule:NAME` | the last tick of each schedule; its jobs that have not ended |
| `totals` | how many runs were done, and how many failed |
| `last:OWNER` | what an owner claimed last, should the answer have been lost |
"""

from __future__ import annotations

from typing import Final

#: In front of every script. `P` is what keys begin with, `now` the time of Redis. No more than what
#: adds a job: that is the script that most often runs, and each function of it is made each time.
ADD_PRELUDE: Final = """
local P = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function place(state, queue) return P .. 'in:' .. state .. ':' .. queue end

-- Members sort by age where priorities are the same.
local function member(seq, id) return string.format('%016d', seq) .. id end

-- What is nothing yet is not written: `look` knows what is meant.
local function keep(id, queue, action, body, priority, delay, key, window, schedule, batch)
  local job = P .. 'job:' .. id
  if redis.call('EXISTS', job) == 1 then return id end
  if key ~= '' then
    local first = redis.call('GET', P .. 'key:' .. key)
    if first then return first end
    if window > 0 then redis.call('SET', P .. 'key:' .. key, id, 'PX', window) end
  end
  local seq = redis.call('INCR', P .. 'seq')
  local state = delay > 0 and 'delayed' or 'ready'
  redis.call('HSET', job, 'queue', queue, 'action', action, 'body', body, 'priority', priority,
             'state', state, 'seq', seq, 'created_ms', now)
  redis.call('SADD', P .. 'queues', queue)
  redis.call('ZADD', place(state, queue), seq, id)
  if state == 'ready' then
    redis.call('ZADD', P .. 'ready:' .. queue, priority, member(seq, id))
  else
    redis.call('ZADD', P .. 'delayed', now + delay, id)
    redis.call('HSET', job, 'due_ms', now + delay)
  end
  if key ~= '' then redis.call('HSET', job, 'key', key) end
  if schedule ~= '' then
    redis.call('HSET', job, 'schedule', schedule)
    redis.call('SADD', P .. 'schedule:' .. schedule, id)
  end
  if batch ~= '' then
    redis.call('HSET', job, 'batch', batch)
    redis.call('HINCRBY', P .. 'batch:' .. batch, 'total', 1)
    redis.call('ZADD', P .. 'of:' .. batch, seq, id)
  end
  return id
end

-- Each of the jobs in ARGV has ten values: see `values_of` in redis_values.py.
local function add(at)
  return keep(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4],
              tonumber(ARGV[at + 5]), ARGV[at + 6], tonumber(ARGV[at + 7]), ARGV[at + 8],
              ARGV[at + 9])
end

local function wake() redis.call('PUBLISH', P .. 'wake', '') end
"""

#: In front of every script that moves jobs, too.
PRELUDE: Final = (
    ADD_PRELUDE
    + """
local count_in_batch

-- To whoever looks in, what is claimed with care, or through a broker, is ready like the others.
local SHOWN = {suspect = 'ready', sending = 'ready', sent = 'ready'}

local function move(id, job, state)
  local queue, seq, old = job.queue, job.seq, job.state
  if old == 'ready' then
    redis.call('ZREM', P .. 'ready:' .. queue, member(seq, id))
  elseif old == 'suspect' then
    redis.call('ZREM', P .. 'suspect', member(seq, id))
  elseif old == 'sending' then
    redis.call('ZREM', P .. 'sending', id)
  elseif old == 'sent' then
    redis.call('ZREM', P .. 'sent:' .. queue, id)
  elseif old == 'delayed' then
    redis.call('ZREM', P .. 'delayed', id)
    redis.call('SREM', P .. 'retrying:' .. queue, id)
  elseif old == 'running' then
    redis.call('ZREM', P .. 'running:' .. job.owner, id)
  end
  if old then redis.call('ZREM', place(SHOWN[old] or old, queue), id) end
  if state == 'ready' then
    redis.call('ZADD', P .. 'ready:' .. queue, job.priority, member(seq, id))
  elseif state == 'suspect' then
    redis.call('ZADD', P .. 'suspect', job.priority, member(seq, id))
  elseif state == 'sending' then
    redis.call('ZADD', P .. 'sending', now, id)
  elseif state == 'sent' then
    redis.call('ZADD', P .. 'sent:' .. queue, now, id)
  elseif state == 'delayed' then
    redis.call('ZADD', P .. 'delayed', job.due_ms, id)
    if tonumber(job.attempts) > 0 then redis.call('SADD', P .. 'retrying:' .. queue, id) end
  elseif state == 'done' or state == 'cancelled' then
    redis.call('ZADD', P .. 'ended', now, id)
  end
  redis.call('ZADD', place(SHOWN[state] or state, queue), seq, id)
  if job.batch ~= '' then count_in_batch(job.batch, old, state) end
  if job.schedule ~= '' and (state == 'done' or state == 'cancelled' or state == 'dead') then
    redis.call('SREM', P .. 'schedule:' .. job.schedule, id)
  end
end

local NAMES = {'queue', 'seq', 'state', 'owner', 'priority', 'attempts', 'schedule', 'token',
               'deliveries', 'settled', 'due_ms', 'batch'}

local ZEROS = {attempts = '0', deliveries = '0', token = '0'}

local function look(id)
  local values = redis.call('HMGET', P .. 'job:' .. id, unpack(NAMES))
  if not values[1] then return nil end
  local job = {}
  for index, name in ipairs(NAMES) do job[name] = values[index] or ZEROS[name] or '' end
  return job
end

local function look_at_batch(batch)
  local key = P .. 'batch:' .. batch
  local kept = redis.call('HMGET', key, 'total', 'completed', 'failed', 'sealed', 'ended_ms', 'ttl')
  if kept[4] ~= '1' or kept[5] then return end
  if tonumber(kept[2]) + tonumber(kept[3]) < tonumber(kept[1]) then return end
  redis.call('HSET', key, 'ended_ms', now)
  redis.call('PEXPIRE', key, kept[6])
  redis.call('PEXPIRE', P .. 'of:' .. batch, kept[6])
  local after = redis.call('HMGET', key, 'then_id', 'then_queue', 'then_action', 'then_body',
                           'then_priority')
  if after[1] then
    keep(after[1], after[2], after[3], after[4], after[5], 0, '', 0, '', '')
    wake()
  end
end

local COUNTED = {done = 'completed', dead = 'failed', cancelled = 'failed'}

count_in_batch = function(batch, old, state)
  local key = P .. 'batch:' .. batch
  if redis.call('EXISTS', key) == 0 then return end
  if COUNTED[old] then redis.call('HINCRBY', key, COUNTED[old], -1) end
  if COUNTED[state] then
    redis.call('HINCRBY', key, COUNTED[state], 1)
    look_at_batch(batch)
  end
end
"""
)

#: Behind it, in scripts that take owners for gone.
LEAVE_FUNCTION: Final = """
local function leave(owner, crashed, most, error)
  local count = 0
  for _, id in ipairs(redis.call('ZRANGE', P .. 'running:' .. owner, 0, -1)) do
    local job = look(id)
    if job then
      local deliveries = tonumber(job.deliveries)
      if not crashed then
        redis.call('HINCRBY', P .. 'job:' .. id, 'deliveries', -1)
        redis.call('HSET', P .. 'job:' .. id, 'state', 'ready', 'owner', '')
        move(id, job, 'ready')
        count = count + 1
      elseif deliveries >= most then
        redis.call('HSET', P .. 'job:' .. id, 'state', 'dead', 'owner', '', 'ended_ms', now,
                   'error', error)
        move(id, job, 'dead')
        redis.call('HINCRBY', P .. 'totals', 'failed', 1)
      else
        local state = deliveries >= most - 1 and 'suspect' or 'ready'
        redis.call('HSET', P .. 'job:' .. id, 'state', state, 'owner', '')
        move(id, job, state)
        count = count + 1
      end
    end
  end
  redis.call('DEL', P .. 'running:' .. owner, P .. 'last:' .. owner)
  redis.call('ZREM', P .. 'owners', owner)
  if count > 0 then wake() end
  return count
end
"""
