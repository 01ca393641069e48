-- SPDX-License-Identifier: MIT
--- Counts the words in the text files below some directories with a pool of
-- workers. A file is a task with a time limit of its own: whatever it does to
-- its worker, the others are counted. What failed is tried once more.
--
--    files --imap_unordered--> workers: count_file
--                                |  a table of words for each file
--    totals <-- add, draw <------+
--
-- Usage: wordcount_pool.lua [--jobs N] [--limit SECONDS] [--demo] [DIR ...]
-- The demo (which is what runs without a DIR) has a worker hang in a file and
-- one crash, and then wants the totals of a count without workers.

local billiard = require "billiard"

local BLOCK <const> = 1 << 18 -- bytes read at once
local TERMINAL <const> = os.execute "test -t 2"

---- in a worker ----

-- A word is a run of letters or bytes beyond ASCII. Returns nothing for a file
-- that is no text.
local function count_file(path)
   local counts = {}
   local file <close> = io.open(path, "rb") or error("cannot be opened", 0)
   while true do
      local block, rest, errno = file:read(BLOCK, "L") -- to the end of a line
      if errno then error(rest, 0) end
      if not block then return counts end
      local text = block .. (rest or "")
      if text:find("\0", 1, true) then return nil end
      for word in text:lower():gmatch "[a-z\128-\255]+" do
         counts[word] = (counts[word] or 0) + 1
      end
   end
end

-- The initializer of the demo: what strikes the first and the second task.
local function arm(begun)
   return { strike = function()
      local n = begun:add(1) -- shared by all workers
      if n == 1 then while true do end end
      if n == 2 then os.execute "kill -KILL $PPID" end
   end }
end

local function task(file)
   local strike = billiard.worker.data.strike -- what the initializer returned
   if strike then strike() end
   return count_file(file.path)
end

---- in the parent ----

local function draw_bar(part)
   if not TERMINAL then return end
   local n = math.floor(50 * part)
   io.stderr:write("\r[", ("#"):rep(n), ("."):rep(50 - n), "]")
end

local function say(...)
   io.stderr:write(TERMINAL and "\r\27[K" or "", ...)
   io.stderr:write "\n"
end

-- Every word's number; how many bytes are done, of how many.
local function new_totals(files)
   return { words = {}, bytes = 0, of = math.max(files.bytes, 1), binary = 0 }
end

local function add(totals, file, counts)
   for word, n in pairs(counts or {}) do
      totals.words[word] = (totals.words[word] or 0) + n
   end
   if not counts then totals.binary = totals.binary + 1 end
   totals.bytes = totals.bytes + file.size
   draw_bar(totals.bytes / totals.of)
end

-- One pass. Returns the files that failed.
local function count_once(pool, files, totals)
   local failed = {}
   for i, counts, err in pool:imap_unordered(task, files) do
      if err then
         say(files[i].path, ": ", err.message)
         table.insert(failed, files[i])
      else add(totals, files[i], counts) end
   end
   return failed
end

local function count(files, opts)
   local pool <close> = assert(billiard.Pool {
      processes = opts.jobs, timeout = opts.limit,
      initializer = opts.demo and arm or nil,
      initargs = { billiard.Value "i64" },
   })
   local totals = new_totals(files)
   local failed = count_once(pool, files, totals)
   failed = count_once(pool, failed, totals)
   if TERMINAL then io.stderr:write "\r\27[K" end
   return totals, #failed
end

local function count_alone(files)
   local totals = new_totals(files)
   for _, file in ipairs(files) do add(totals, file, count_file(file.path)) end
   return totals
end

---- what people see ----

local function fail(status, ...)
   say("wordcount_pool: ", ...)
   os.exit(status, true)
end

local function parse(args)
   local opts = { limit = 2 }
   local function take() return tonumber(table.remove(args, 1)) or 0 end
   while (args[1] or ""):find "^%-" do
      local option = table.remove(args, 1)
      if option == "--demo" then opts.demo = true
      elseif option == "--jobs" then opts.jobs = math.tointeger(take()) or 0
      elseif option == "--limit" then opts.limit = take()
      else opts.limit = 0 end
   end
   if opts.limit <= 0 or opts.jobs and opts.jobs < 1 then
      fail(2, "usage: wordcount_pool.lua [--jobs N] [--limit SECONDS] [--demo] [DIR ...]")
   end
   opts.demo = opts.demo or #args == 0
   return opts, #args > 0 and args or { "/usr/share/common-licenses", "/usr/share/doc" }
end

-- Without gz files. The largest come first: what is long should not begin last.
local function find_files(dirs)
   local command = { "find", "-H" }
   for _, dir in ipairs(dirs) do
      table.insert(command, dir:find "^/" and dir or "./" .. dir)
   end
   for word in ("-type f ! -name *.gz -printf %s\\t%p\\0"):gmatch "%S+" do
      table.insert(command, word)
   end
   local found, files = assert(billiard.run(command)), { bytes = 0 }
   io.stderr:write(found.stderr)
   for size, path in found.stdout:gmatch "(%d+)\t(%Z+)" do
      files[#files + 1] = { path = path, size = math.tointeger(size) }
      files.bytes = files.bytes + files[#files].size
   end
   table.sort(files, function(a, b) return a.size > b.size end)
   return files
end

local function print_top(words)
   local list = {}
   for word in pairs(words) do list[#list + 1] = word end
   table.sort(list, function(a, b)
      if words[a] ~= words[b] then return words[a] > words[b] end
      return a < b
   end)
   for i = 1, math.min(10, #list) do
      print(("%9d  %s"):format(words[list[i]], list[i]))
   end
   print(("%d different words"):format(#list))
end

-- How many words have another number in the other table.
local function differences(a, b)
   local n = 0
   for word, times in pairs(a) do n = n + (b[word] == times and 0 or 1) end
   for word in pairs(b) do n = n + (a[word] and 0 or 1) end
   return n
end

-- Returns what f does, after the seconds it took.
local function timed(f, ...)
   local began = billiard.now()
   local a, b = f(...)
   return billiard.now() - began, a, b
end

local function main()
   local opts, dirs = parse(arg)
   local files = find_files(dirs)
   if #files == 0 then fail(1, "no files to count: name other directories") end
   print(("%d files with %.1f MB below %s"):format(#files, files.bytes / 1e6,
      table.concat(dirs, " and ")))
   if opts.demo then print "One worker is made to hang in a file, one to crash:" end
   local seconds, totals, failed = timed(count, files, opts)
   print(("   %.2f s with a pool; %d are no text, %d failed twice"):format(seconds,
      totals.binary, failed))
   print_top(totals.words)
   if opts.demo then
      local alone, single = timed(count_alone, files)
      local n = differences(totals.words, single.words)
      print(("   %.2f s without; %d counts differ"):format(alone, n))
      if n > 0 then fail(1, "the totals DIFFER") end
   end
   os.exit(failed == 0, true)
end

main()
