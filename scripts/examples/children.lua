-- SPDX-License-Identifier: MIT
--- Who am I, who are my children, how many processors are there?

local billiard = require "billiard"

local function worker()
   local me, parent = billiard.current_process(), billiard.parent_process()
   billiard.ready(("%s, pid %d, child of %s"):format(me.name, me.pid, parent.name))
   billiard.sleep(3600)
end

print("processors: " .. assert(billiard.cpu_count()))
local main = billiard.current_process()
print(("this is %s, pid %d"):format(main.name, main.pid))

local workers = {}
for i = 1, 3 do
   workers[i] = billiard.Process { target = worker, name = "Worker-" .. i }
   assert(workers[i]:start())
   assert(workers[i]:wait_ready(20))
end

local children = billiard.active_children()
for _, child in ipairs(children) do print("   " .. tostring(child)) end
assert(#children == 3)

for _, process in ipairs(workers) do
   process:terminate()
   process:join()
end
print("children left after join: " .. #billiard.active_children())
assert(#billiard.active_children() == 0)
