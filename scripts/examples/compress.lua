-- SPDX-License-Identifier: MIT
--- Compresses the files below some directories, each with gzip, in a pipeline
-- of processes with bounded queues between them, and proves the result.
--
--    paths --(queue)--> packers: gzip, a command --(queue)--> writer: OUT/*.gz
--      |                   |
--    parent: feeds,    add to counters in shared memory,
--            draws <-- which the parent reads
--
-- Usage: compress.lua [OUT [DIR ...]]; without OUT in a directory that is
-- removed again.

local billiard = require "billiard"

local AHEAD <const> = 16      -- items in a queue, at most
local FRAME <const> = 0.05    -- seconds between two looks at the counters
local PATIENCE <const> = 60   -- seconds for one file
local TERMINAL <const> = os.execute "test -t 1"

---- the stages ----

-- What gzip makes of a file, or nil and what is wrong with it.
local function gzip(path)
   local result, err = billiard.run { "gzip", "-c", path, timeout = PATIENCE }
   if not result then return nil, err end
   if result.exitcode ~= 0 then return nil, result.stderr end
   return result.stdout
end

local function pack(paths, packed, count)
   for file in function() return (paths:get()) end do
      local bytes, problem = gzip(file.path)
      count.files:add(1)
      count.bytes:add(file.size)
      assert(packed:put { path = file.path, bytes = bytes, problem = problem })
   end
end

-- OUT/1.gz, OUT/2.gz, ... and OUT/index, which says what they are.
local function write(packed, out)
   local index <close> = assert(io.open(out .. "/index", "w"))
   local n, size, failed = 0, 0, 0
   for item in function() return (packed:get()) end do
      if item.bytes then
         n, size = n + 1, size + #item.bytes
         local file <close> = assert(io.open(("%s/%d.gz"):format(out, n), "wb"))
         assert(file:write(item.bytes))
         index:write(n, ".gz ", item.path, "\n")
      else
         failed = failed + 1
         index:write("failed ", item.path, ": ", item.problem, "\n")
      end
   end
   return n, size, failed
end

---- the parent ----

local function start(name, target, ...)
   local process = billiard.Process { target = target, args = { ... },
      name = name, daemon = true }
   return assert(process:start())
end

local function draw(count, files)
   if not TERMINAL then return end
   local n = math.floor(50 * count.bytes.value / math.max(files.bytes, 1))
   io.write("\r   [", ("#"):rep(n), ("."):rep(50 - n), "] ",
      count.files.value, " of ", #files):flush()
end

-- Nobody would take what the packers make.
local function check(writer)
   assert(writer:is_alive(), "the writer has ended")
end

-- Feeds the packers and draws, until all paths are in.
local function feed(paths, files, count, writer)
   for _, file in ipairs(files) do
      while not paths:put(file, FRAME) do
         check(writer)
         draw(count, files)
      end
   end
   paths:shutdown() -- what is in can still be got
end

local function run(files, workers, out)
   local paths, packed = billiard.Queue(AHEAD), billiard.Queue(AHEAD)
   local count = { files = billiard.Value("i64"), bytes = billiard.Value("i64") }
   local writer <close> = start("writer", write, packed, out)
   local packers = {}
   for i = 1, workers do
      packers[i] = start("packer " .. i, pack, paths, packed, count)
   end
   feed(paths, files, count, writer)
   while #packers > 0 do
      check(writer)
      draw(count, files)
      if packers[1]:join(FRAME) then
         assert(packers[1].exitcode == 0, tostring(packers[1]))
         table.remove(packers, 1):close()
      end
   end
   packed:shutdown()
   io.write(TERMINAL and "\r\27[K" or "")
   return writer:result(PATIENCE)
end

---- what people see ----

local function fail(...)
   io.stderr:write("compress: ", ...)
   io.stderr:write "\n"
   os.exit(1, true)
end

local function default_dirs()
   local there <close> = io.open "/usr/share/doc/libc6"
   return there and { "/usr/share/common-licenses", "/usr/share/doc/libc6" }
      or { "/usr/share/common-licenses" }
end

local function find_files(dirs)
   local command = { "find", "-H" }
   for _, dir in ipairs(dirs) do command[#command + 1] = dir end
   for word in ("-type f -size +0 -printf %s\\t%p\\0"):gmatch "%S+" do
      command[#command + 1] = word
   end
   local found, files = assert(billiard.run(command)), { bytes = 0 }
   io.stderr:write(found.stderr)
   for size, path in found.stdout:gmatch "(%d+)\t(%Z+)" do
      files[#files + 1] = { path = path, size = math.tointeger(size) }
      files.bytes = files.bytes + files[#files].size
   end
   return files
end

local function command(...)
   return assert(billiard.run { ... }).stdout:match "[^\n]*"
end

-- Bytes that come out again.
local function unpacked(out, n)
   local size = 0
   for i = 1, n do
      local result = assert(billiard.run { "gzip", "-dc", ("%s/%d.gz"):format(out, i) })
      size = size + #result.stdout
   end
   return size
end

local function main(out, ...)
   local temporary = out == nil
   out = out or command("mktemp", "-d")
   if out:find "^%-" then fail "usage: compress.lua [OUT [DIR ...]]" end
   assert(billiard.run { "mkdir", "-p", out })
   local dirs = ... and { ... } or default_dirs()
   local files = find_files(dirs)
   if #files == 0 then fail "no files: name other directories" end
   local workers = billiard.usable_cpu_count() or 2
   print(("%d files, %.2f MB, below %s; %d packers"):format(#files,
      files.bytes / 1e6, table.concat(dirs, " and "), workers))
   local began = billiard.now()
   local n, size, failed = run(files, workers, out)
   if not n then fail(tostring(size)) end
   print(("   %d files, %.2f MB, in %.2f s; %d failed"):format(n, size / 1e6,
      billiard.now() - began, failed))
   local back = unpacked(out, n)
   if temporary then billiard.run { "rm", "-r", out } end
   if failed > 0 then fail(failed, " files could not be compressed") end
   if back ~= files.bytes then
      fail(files.bytes, " bytes went in, ", back, " came out")
   end
   print(("   all %d bytes came out again"):format(back))
end

main(...)
