-- SPDX-License-Identifier: MIT
--- Why a task has no result: the billiard.Errors of a pool.
-- @module billiard.pool.failure

local core = require "billiard.core"

local failure = {}

--- How often the kernel killed for lack of memory since it was booted; nil
-- where it does not tell.
function failure.oom_kills()
   local file <close> = io.open("/proc/vmstat", "r")
   return file and tonumber(file:read "a":match "oom_kill (%d+)")
end

--- How a process ended, whose end its pool has seen:
-- `{ exitcode, signal, rusage, text }`.
function failure.exit_of(process)
   process:is_alive() -- takes the status
   local code = process.exitcode
   local word = tostring(process):match "%[(.-)%]"
   return {
      exitcode = code,
      signal = code and code < 0 and -code or nil,
      rusage = process.rusage,
      text = code and code < 0 and "died of " .. word
         or "exited with " .. (code or "unknown status"),
   }
end

-- Nobody here has sent that SIGKILL, and the kernel has sent some.
local function is_oom(member, exit)
   if exit.signal ~= 9 or not member.oom_kills then return nil end
   return (failure.oom_kills() or 0) > member.oom_kills or nil
end

local SENTENCES <const> = {
   died = "%s %s while it did the task",
   limit = "%s was killed at the hard time limit of the task (%s)",
   terminated = "the task was terminated, with %s",
   killed = "the task was terminated with its pool, with %s",
   rubbish = "%s sent what no worker sends (bad_frame), and was killed",
}

local CODES <const> = {
   died = "WorkerLostError",
   limit = "TimeLimitExceeded",
   terminated = "Terminated",
   killed = "Terminated",
   rubbish = "WorkerLostError",
}

--- Of a task that was lost with its worker.
-- @tparam table member the worker, as the driver knows it
-- @tparam string why "died" and so on, as core says
-- @tparam[opt] number hard the task's limit
function failure.lost(member, why, process, hard)
   local exit = failure.exit_of(process)
   local who = ("worker %s (pid %d)"):format(member.name, member.pid)
   local detail = why == "limit" and hard and ("%g s"):format(hard) or exit.text
   local err = core.new_error(CODES[why], SENTENCES[why]:format(who, detail))
   err.pid, err.name = member.pid, member.name
   err.exitcode, err.signal, err.rusage = exit.exitcode, exit.signal, exit.rusage
   if why == "died" then err.oom_suspected = is_oom(member, exit) end
   return err
end

--- Of a task that nobody has started.
function failure.cancelled(message)
   return core.new_error("Cancelled", message or "the task was cancelled before it was started")
end

local WHY <const> = {
   failed = { "StartError", "%s: no worker came up: %s" },
   gave_up = { "RestartFreqExceeded", "%s: too many workers ended before they did anything: %s" },
}

--- Of a pool that ended for that reason; nil if that was wanted. `last` is the
-- last worker's: a sentence or an Error.
function failure.of_pool(name, why, last)
   local entry = WHY[why]
   if not entry then return nil end
   local is_error = type(last) == "table"
   local err = core.new_error(entry[1], entry[2]:format(name,
      is_error and last.message or tostring(last)))
   err.name = name
   if is_error then
      err.traceback, err.value = last.traceback, last.value
   end
   return err
end

return failure
