-- SPDX-License-Identifier: MIT
--- What a pool says of itself.
-- @module billiard.pool.report

local report = {}

-- KiB in memory now; nil when it has ended, or cannot be looked at.
local function rss_of(pid)
   local file <close> = io.open(("/proc/%d/status"):format(pid), "r")
   local text = file and file:read "a"
   return text and tonumber(text:match "VmRSS:%s*(%d+)")
end

local function state_of(up, retired, ticket)
   if retired then return "leaving" end
   if not up then return "starting" end
   return ticket and "busy" or "idle"
end

-- What the user knows a task by.
local function name_of(pool, ticket)
   local task = ticket and pool.pending[ticket]
   return task and task.correlation_id or ticket
end

--- A worker as a row: `{ pid, index, name, state, tasks, task, since, rss }`.
function report.worker(pool, member)
   local _, up, retired, done, ticket, since, waiting = pool.core:look(member.number)
   return {
      pid = member.pid, index = member.index, name = member.name,
      state = state_of(up, retired, ticket), tasks = done,
      task = name_of(pool, ticket), since = since, waiting = waiting,
      rss = rss_of(member.pid),
   }
end

--- Has that member of the crew something to do?
function report.is_busy(pool, ref)
   local member = pool.members[ref]
   if not member then return false end
   local _, _, _, _, ticket, _, waiting = pool.core:look(member.number)
   return ticket ~= nil or waiting > 0
end

--- The row of one that has ended.
function report.gone(member, done)
   return { pid = member.pid, index = member.index, name = member.name,
            state = "gone", tasks = done }
end

--- All of them, in the order of their indices.
function report.workers(pool)
   local rows = {}
   for _, member in pairs(pool.members) do
      rows[#rows + 1] = report.worker(pool, member)
   end
   table.sort(rows, function(a, b) return a.index < b.index end)
   return rows
end

--- "running", "closing", "ending" (its workers are being killed) or "ended".
function report.state(pool)
   return pool.ended and "ended" or pool.crew.phase
end

local function count_busy(pool)
   local up, busy = 0, 0
   for _, member in pairs(pool.members) do
      local _, is_up, _, _, ticket = pool.core:look(member.number)
      if is_up then up = up + 1 end
      if ticket then busy = busy + 1 end
   end
   return up, busy
end

--- How many tasks were submitted, and how many of them workers have done.
function report.counts(pool)
   if pool.core then pool.submitted, pool.finished = pool.core:counts() end
   return pool.submitted, pool.finished
end

--- How many have not ended.
function report.open(pool)
   local submitted, finished = report.counts(pool)
   local counts = pool.counts
   return submitted - finished - counts.lost - counts.timed_out
      - counts.terminated - counts.cancelled
end

--- Counts: of now, and since the pool was made.
function report.stats(pool)
   local counts, core = pool.counts, pool.core
   local up, busy = count_busy(pool)
   local submitted, finished = report.counts(pool)
   return {
      state = report.state(pool), processes = pool.crew.goal, up = up, busy = busy,
      backlog = core and core:backlog() or 0,
      underway = core and core:underway() or 0,
      submitted = submitted, pending = report.open(pool),
      done = finished - counts.failed, failed = counts.failed,
      lost = counts.lost, timed_out = counts.timed_out,
      terminated = counts.terminated, cancelled = counts.cancelled,
      started = pool.started, restarts = #pool.crew.failures,
   }
end

return report
