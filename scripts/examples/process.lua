-- SPDX-License-Identifier: MIT
--- A process from start to close: join with a timeout, terminate, exitcode.

local billiard = require "billiard"

local function worker(name, seconds)
   print(name .. " begins in process " .. billiard.current_process().pid)
   billiard.sleep(seconds)
   print(name .. " is done")
end

local function run(seconds, patience)
   local process = billiard.Process {
      target = worker, args = { "the worker", seconds }, name = "MyWorker",
   }
   assert(process:start())
   print(("started %s, pid %d"):format(process.name, process.pid))
   if not process:join(patience) then
      print "it takes too long: terminate it"
      process:terminate()
      process:join()
   end
   assert(not process:is_alive())
   local code = process.exitcode
   print("exit code: " .. code .. "\n")
   process:close()
   return code
end

assert(run(0.1, 20) == 0)
assert(run(3600, 0.3) == -15) -- minus the number of the signal, SIGTERM
