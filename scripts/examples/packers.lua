-- SPDX-License-Identifier: MIT
--- How well each file of a folder packs: a source that walks the folder, a pool
-- of workers with a time limit for each file, and one place where the answers
-- come together. One thing in the folder cannot be read to its end; it costs
-- itself.
--    billiard packers.lua [folder]

local billiard = require "billiard"

local folder = arg and arg[1] or "/usr/share/common-licenses"

-- A pipe that nobody writes into, which looks like a file to whoever opens it.
local trap <const> = os.tmpname()
os.remove(trap)
assert(billiard.run { "mkfifo", trap })

local function paths()
   local found = assert(billiard.run { "find", folder, "-type", "f" })
   local next_path = found.stdout:gmatch "[^\n]+"
   local last = trap
   return function()
      local path = next_path() or last
      if path == last then last = nil end
      return path
   end
end

local function size_of(path)
   local file <close> = assert(io.open(path, "rb"))
   return file:seek "end"
end

local function pack(path)
   local packed = assert(billiard.run { "gzip", "-c", path, timeout = 60 })
   return { path = path, before = size_of(path), after = #packed.stdout }
end

local packers <close> = billiard.topology.pool { name = "packers",
   source = paths, target = pack, timeout = 1,
   processes = billiard.usable_cpu_count(),
   on_error = function(path, err) return { path = path, problem = err.code } end }
assert(packers:start())

local before, after, files, failed = 0, 0, 0, {}
for answer in packers:results() do
   if answer.problem then
      failed[#failed + 1] = answer
   else
      files = files + 1
      before, after = before + answer.before, after + answer.after
   end
end
assert(packers:wait(5))
os.remove(trap)

print(("%d files, %d bytes, packed %d"):format(files, before, after))
for _, answer in ipairs(failed) do
   print(("failed: %s (%s)"):format(answer.path, answer.problem))
end
assert(files > 0 and #failed == 1 and failed[1].path == trap)
assert(failed[1].problem == "TimeLimitExceeded")
