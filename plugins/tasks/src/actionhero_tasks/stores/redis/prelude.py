"""The Lua functions that the scripts of the Redis store share.

All keys have one hash tag, so that they are on one node of a cluster:

| key | value |
|---|---|
| `job:ID` | a hash: the job |
| `ready:QUEUE` | the ready jobs, sorted by priority, then by age |
| `suspect` | jobs that were running during two crashes |
| `sending`, `sent:QUEUE` | jobs that are being sent to a message broker, or were, by time |
| `delayed` | the delayed jobs, by due time |
| `running:WORKER` | the running jobs of a worker, by number of deliveries |
| `cancelling:WORKER` | those of them whose cancellation was requested |
| `ended` | the jobs that are done or cancelled, by end time |
| `in:STATE:QUEUE` | the jobs by state, sorted by age, to count and list them |
| `retrying:QUEUE` | the delayed jobs that have failed |
| `queues`, `workers` | the names of queues; worker ids, by the end of their lease |
| `paused` | the names of paused queues |
| `starts:QUEUE` | the starts within the period of a queue with a rate, by time |
| `key:KEY` | the job that has a deduplication key |
| `batch:ID`, `of:ID` | the counts of a fan-out; its jobs, by age |
| `of:ID:STATE` | its jobs that are done, dead or cancelled, by age |
| `swept` | when the leases of workers were last checked |
| `fire_times`, `schedule:NAME` | the last time of each schedule; its jobs that have not ended |
| `totals` | how many runs were done, and how many failed |
| `last:WORKER` | the last claims of a worker, to repeat a lost reply |
"""

from __future__ import annotations

from typing import Final

#: The beginning of every script. `P` is the prefix of all keys, `now` the time of Redis.
#:
#: It has the functions that add jobs and no others, because that is the most frequent script, and
#: Redis creates the functions of a script on every call.
ADD_PRELUDE: Final = """
local P = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function state_key(state, queue) return P .. 'in:' .. state .. ':' .. queue end

-- Members sort by age where priorities are the same.
local function member(seq, id) return string.format('%016d', seq) .. id end

-- Fields with a default are not written: `load_job` adds them.
local function write_job(id, seq, queue, action, body, priority, state, due, key, schedule, batch)
  local job = P .. 'job:' .. id
  redis.call('HSET', job, 'queue', queue, 'action', action, 'body', body, 'priority', priority,
             'state', state, 'seq', seq, 'created_ms', now)
  if due ~= '' then redis.call('HSET', job, 'due_ms', due) end
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
end

-- Lua's stack is limited.
local function zadd(key, entries)
  for at = 1, #entries, 2000 do
    redis.call('ZADD', key, unpack(entries, at, math.min(at + 1999, #entries)))
  end
end

-- The arguments of jobs that differ in id, body and key: see `arguments_of` in values.py.
local function add_jobs(at, ids)
  local count, queue, action = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2]
  local priority, delay, window = ARGV[at + 3], tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local schedule, batch = ARGV[at + 6], ARGV[at + 7]
  local state, due = 'ready', ''
  if delay > 0 then state, due = 'delayed', now + delay end
  local seq = redis.call('INCRBY', P .. 'seq', count) - count
  -- In one call for all jobs, which is faster.
  local listed, waiting = {}, {}
  for index = at + 8, at + 5 + 3 * count, 3 do
    local id, key = ARGV[index], ARGV[index + 2]
    local existing = redis.call('EXISTS', P .. 'job:' .. id) == 1 and id
    if key ~= '' and not existing then
      existing = redis.call('GET', P .. 'key:' .. key)
      if not existing and window > 0 then
        redis.call('SET', P .. 'key:' .. key, id, 'PX', window)
      end
    end
    if not existing then
      seq = seq + 1
      write_job(id, seq, queue, action, ARGV[index + 1], priority, state, due, key, schedule, batch)
      listed[#listed + 1], listed[#listed + 2] = seq, id
      local entry = due == '' and member(seq, id) or id
      waiting[#waiting + 1], waiting[#waiting + 2] = due == '' and priority or due, entry
    end
    ids[#ids + 1] = existing or id
  end
  if #listed > 0 then
    redis.call('SADD', P .. 'queues', queue)
    zadd(state_key(state, queue), listed)
    zadd(due == '' and P .. 'ready:' .. queue or P .. 'delayed', waiting)
  end
  return at + 8 + 3 * count
end

local function wake() redis.call('PUBLISH', P .. 'wake', '') end
"""

#: The beginning of every script that changes the state of jobs.
PRELUDE: Final = (
    ADD_PRELUDE
    + """
local count_in_batch

-- Suspects, and jobs that a broker delivers, are reported as ready.
local REPORTED = {suspect = 'ready', sending = 'ready', sent = 'ready'}

-- The next job with the deduplication key of a job that was cancelled or discarded is new.
local function free_key(id)
  local key = redis.call('HGET', P .. 'job:' .. id, 'key')
  if key and redis.call('GET', P .. 'key:' .. key) == id then
    redis.call('DEL', P .. 'key:' .. key)
  end
end

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
    redis.call('ZREM', P .. 'running:' .. job.worker_id, id)
    if job.cancel_requested ~= '' then
      redis.call('SREM', P .. 'cancelling:' .. job.worker_id, id)
    end
  end
  if old then redis.call('ZREM', state_key(REPORTED[old] or old, queue), id) end
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
    if state == 'cancelled' then free_key(id) end
  end
  redis.call('ZADD', state_key(REPORTED[state] or state, queue), seq, id)
  if job.batch ~= '' then count_in_batch(id, job, old, state) end
  if job.schedule ~= '' and (state == 'done' or state == 'cancelled' or state == 'dead') then
    redis.call('SREM', P .. 'schedule:' .. job.schedule, id)
  end
end

local NAMES = {'queue', 'seq', 'state', 'worker_id', 'priority', 'attempts', 'schedule', 'token',
               'deliveries', 'settled', 'due_ms', 'batch', 'cancel_requested'}

local ZEROS = {attempts = '0', deliveries = '0', token = '0'}

local function load_job(id)
  local values = redis.call('HMGET', P .. 'job:' .. id, unpack(NAMES))
  if not values[1] then return nil end
  local job = {}
  for index, name in ipairs(NAMES) do job[name] = values[index] or ZEROS[name] or '' end
  return job
end

-- The state of a job that was running, and is ready again without having failed.
local function ready_state(deliveries, max_deliveries)
  return deliveries >= max_deliveries - 1 and 'suspect' or 'ready'
end

local COUNTED = {done = 'completed', dead = 'failed', cancelled = 'failed'}

-- The job that follows a fan-out.
local function add_next_job(id, queue, action, body, priority)
  if redis.call('EXISTS', P .. 'job:' .. id) == 1 then return end
  local seq = redis.call('INCR', P .. 'seq')
  write_job(id, seq, queue, action, body, priority, 'ready', '', '', '', '')
  redis.call('SADD', P .. 'queues', queue)
  redis.call('ZADD', state_key('ready', queue), seq, id)
  redis.call('ZADD', P .. 'ready:' .. queue, priority, member(seq, id))
end

local function check_batch(batch)
  local key = P .. 'batch:' .. batch
  local values = redis.call('HMGET', key, 'total', 'completed', 'failed', 'closed', 'ended_ms',
                            'ttl')
  if values[4] ~= '1' or values[5] then return end
  if tonumber(values[2]) + tonumber(values[3]) < tonumber(values[1]) then return end
  redis.call('HSET', key, 'ended_ms', now)
  redis.call('PEXPIRE', key, values[6])
  redis.call('PEXPIRE', P .. 'of:' .. batch, values[6])
  for state in pairs(COUNTED) do
    redis.call('PEXPIRE', P .. 'of:' .. batch .. ':' .. state, values[6])
  end
  local next_job = redis.call('HMGET', key, 'then_id', 'then_queue', 'then_action', 'then_body',
                              'then_priority')
  if next_job[1] then
    add_next_job(unpack(next_job))
    wake()
  end
end

count_in_batch = function(id, job, old, state)
  local key, index = P .. 'batch:' .. job.batch, P .. 'of:' .. job.batch .. ':'
  local ttl = redis.call('PTTL', key)
  if ttl == -2 then return end
  if COUNTED[old] then
    redis.call('HINCRBY', key, COUNTED[old], -1)
    redis.call('ZREM', index .. old, id)
  end
  if COUNTED[state] then
    redis.call('HINCRBY', key, COUNTED[state], 1)
    redis.call('ZADD', index .. state, job.seq, id)
    -- A job that was retried after the end of the fan-out.
    if ttl > 0 then redis.call('PEXPIRE', index .. state, ttl) end
    check_batch(job.batch)
  end
end

local function delete_job(id, job)
  redis.call('ZREM', state_key(job.state, job.queue), id)
  redis.call('DEL', P .. 'job:' .. id)
  if job.batch ~= '' then
    redis.call('ZREM', P .. 'of:' .. job.batch, id)
    redis.call('ZREM', P .. 'of:' .. job.batch .. ':' .. job.state, id)
  end
end
"""
)

#: Follows the prelude in scripts that remove workers.
REMOVE_WORKER_FUNCTION: Final = """
local function remove_worker(worker_id, crashed, max_deliveries, error)
  local count = 0
  for _, id in ipairs(redis.call('ZRANGE', P .. 'running:' .. worker_id, 0, -1)) do
    local job = load_job(id)
    if job then
      local key, deliveries = P .. 'job:' .. id, tonumber(job.deliveries)
      if crashed and deliveries >= max_deliveries then
        redis.call('HSET', key, 'state', 'dead', 'worker_id', '', 'ended_ms', now,
                   'error', error)
        move(id, job, 'dead')
        redis.call('HINCRBY', P .. 'totals', 'failed', 1)
      else
        if not crashed then deliveries = redis.call('HINCRBY', key, 'deliveries', -1) end
        if job.cancel_requested ~= '' then
          redis.call('HSET', key, 'state', 'cancelled', 'worker_id', '', 'ended_ms', now)
          move(id, job, 'cancelled')
        else
          local state = ready_state(deliveries, max_deliveries)
          redis.call('HSET', key, 'state', state, 'worker_id', '')
          move(id, job, state)
          count = count + 1
        end
      end
    end
  end
  redis.call('DEL', P .. 'running:' .. worker_id, P .. 'cancelling:' .. worker_id,
             P .. 'last:' .. worker_id)
  redis.call('ZREM', P .. 'workers', worker_id)
  if count > 0 then wake() end
  return count
end
"""

#: Follows the prelude in scripts that claim jobs of queues with limits.
LIMIT_FUNCTIONS: Final = """
-- By queue: concurrency, rate and period; `nil` if no queue has limits.
local limits
-- When a job may start that a rate does not allow now; 0: there is none.
local next_start = 0

local function read_limits(at)
  local count = tonumber(ARGV[at])
  if count > 0 then limits = {} end
  for index = at + 1, at + 4 * count, 4 do
    limits[ARGV[index]] = {tonumber(ARGV[index + 1]), tonumber(ARGV[index + 2]),
                           tonumber(ARGV[index + 3])}
  end
  return at + 1 + 4 * count
end

local has_paused = redis.call('EXISTS', P .. 'paused') == 1

local function capacity(queue, most)
  if has_paused and redis.call('SISMEMBER', P .. 'paused', queue) == 1 then return 0 end
  local limit = limits and limits[queue]
  if not limit then return most end
  if limit[1] then
    most = math.min(most, limit[1] - redis.call('ZCARD', state_key('running', queue)))
  end
  if most > 0 and limit[2] then
    local starts = P .. 'starts:' .. queue
    redis.call('ZREMRANGEBYSCORE', starts, '-inf', now - limit[3])
    local free = limit[2] - redis.call('ZCARD', starts)
    if free <= 0 and redis.call('EXISTS', P .. 'ready:' .. queue) == 1 then
      local time = tonumber(redis.call('ZRANGE', starts, 0, 0, 'WITHSCORES')[2]) + limit[3]
      if next_start == 0 or time < next_start then next_start = time end
    end
    most = math.min(most, free)
  end
  return most
end

local function record_start(id, queue, token)
  local limit = limits and limits[queue]
  if limit and limit[2] then
    redis.call('ZADD', P .. 'starts:' .. queue, now, id .. ':' .. token)
    redis.call('PEXPIRE', P .. 'starts:' .. queue, limit[3])
  end
end
"""

#: Follows the prelude in scripts that claim jobs.
CLAIM_FUNCTIONS: Final = """
local claims = {}

local function append_claim(id)
  local job = redis.call('HMGET', P .. 'job:' .. id, 'token', 'queue', 'action', 'body',
                         'deliveries', 'attempts')
  claims[#claims + 1] = {id, tonumber(job[1]), job[2], job[3], job[4], tonumber(job[5]),
                         tonumber(job[6] or 0)}
end

local function start(id, job, worker_id)
  local key = P .. 'job:' .. id
  local deliveries = redis.call('HINCRBY', key, 'deliveries', 1)
  redis.call('HINCRBY', key, 'token', 1)
  redis.call('HSET', key, 'state', 'running', 'worker_id', worker_id, 'started_ms', now,
             'due_ms', '')
  move(id, job, 'running')
  redis.call('ZADD', P .. 'running:' .. worker_id, deliveries, id)
  append_claim(id)
end
"""
