-- SPDX-License-Identifier: MIT
--- Counts the words in the text files below some directories with several
-- processes, and counts right although one of them hangs and one crashes.
--
--    files -> shares --start--> worker: counts the words of a share
--               ^                 |
--          hung | crashed         | over a connection: how many bytes more,
--               |                 v now and then, and its table at the end
--               +-------------- parent: merges the tables
--
-- It does so with each start method; the worker is a function of this script
-- in all of them.

local billiard = require "billiard"

local BLOCK <const> = 1 << 18   -- bytes read at once
local ENOUGH <const> = 40000000 -- bytes that show what a second worker is worth
local MAX_ATTEMPTS <const> = 3  -- at one share
local PATIENCE <const> = 1      -- seconds a worker may be silent
local LADDER <const> = { { "INT", 0.1 }, { "TERM", 0.1 }, { "KILL" } }
local TERMINAL <const> = os.execute "test -t 1"

---- the worker ----

-- A word is a run of letters or bytes beyond ASCII. The keys in capitals are
-- no words: they count files that are left out.
local function count_file(path, counts, report)
   local function leave_out(why) counts[why] = (counts[why] or 0) + 1 end
   local file <close> = io.open(path, "rb")
   if not file then return leave_out "UNREADABLE" end
   while true do
      local block, rest, errno = file:read(BLOCK, "L") -- to the end of a line
      if errno then return leave_out "UNREADABLE" end
      if not block then return end
      local text = block .. (rest or "")
      if text:find("\0", 1, true) then return leave_out "BINARY" end
      for word in text:lower():gmatch "[a-z\128-\255]+" do
         counts[word] = (counts[word] or 0) + 1
      end
      report(#text)
   end
end

-- What becomes of the first worker and of the second.
local FAULTS <const> = {
   function() while true do end end,
   function() os.execute "kill -KILL $PPID" end,
}

-- The target of a worker's process; a fault strikes when its table is ready.
local function work(share, out, fault)
   local counts, bytes = {}, 0
   for _, file in ipairs(share.files) do
      count_file(file.path, counts, function(n)
         bytes = bytes + n
         if bytes < BLOCK then return end
         out:send(bytes)
         bytes = 0
      end)
   end
   if fault then fault() end
   out:send(counts)
end

---- the parent ----

local function start_worker(crew, share, fault)
   local inbox, out = billiard.Pipe(false)
   crew.started = crew.started + 1
   local process = billiard.Process {
      target = work, args = { share, out, fault }, daemon = true,
      name = "worker " .. crew.started, start_method = crew.method,
   }
   assert(process:start())
   out:close() -- the worker's copy is the last one: its end ends the stream
   return {
      process = process, share = share, inbox = inbox, bytes = 0,
      heard = billiard.now(), -- when it last said something
      fileno = function() return inbox:fileno() end, -- what to wait for
   }
end

-- Takes what it has sent.
local function listen(worker)
   local message, code
   repeat
      message, code = worker.inbox:recv(0)
      if type(message) == "table" then worker.counts = message
      else worker.bytes = worker.bytes + (message or 0) end
   until message == nil
   worker.silent = code == "closed" -- for good: it has ended
   worker.heard = billiard.now()
end

-- Ends its process. Returns nil when its table came, else what happened.
local function dismiss(worker)
   local process <close> = worker.process
   if worker.silent then process:join() else process:stop(LADDER) end
   worker.inbox:close()
   if worker.counts and process.exitcode == 0 then return nil end
   return ("%s %s: ended by %s, its share is done again"):format(process.name,
      worker.silent and "crashed" or "hung", tostring(process):match "%[(.+)%]")
end

local function settle(crew, worker)
   local share, problem = worker.share, dismiss(worker)
   if not problem then
      crew.bytes = crew.bytes + share.bytes
      for word, n in pairs(worker.counts) do
         crew.totals[word] = (crew.totals[word] or 0) + n
      end
      return
   end
   io.write(TERMINAL and "\r\27[K" or "", "   ", problem, "\n")
   share.attempts = share.attempts + 1
   assert(share.attempts < MAX_ATTEMPTS, "a share fails again and again")
   table.insert(crew.queue, share)
end

local function draw_bar(part)
   if not TERMINAL then return end
   local n = math.floor(50 * math.min(part, 1))
   io.write("\r   [", ("#"):rep(n), ("."):rep(50 - n), "]"):flush()
end

-- Starts the workers there is room for, waits until some have more to say or
-- one has been silent for too long, and settles with those that are done.
local function step(crew, workers, faults)
   local live = crew.live
   while #crew.queue > 0 and #live < workers do
      live[#live + 1] = start_worker(crew, table.remove(crew.queue),
         faults[crew.started + 1])
   end
   for _, worker in ipairs(assert(billiard.wait(live, PATIENCE))) do
      listen(worker)
   end
   local bytes = 0
   for i = #live, 1, -1 do
      local worker = live[i]
      if worker.silent or billiard.now() - worker.heard > PATIENCE then
         settle(crew, table.remove(live, i))
      else bytes = bytes + worker.bytes end
   end
   draw_bar((crew.bytes + bytes) / crew.all)
end

-- Largest file first, each to the share that is smallest.
local function make_shares(files, n)
   local shares = {}
   for i = 1, n do shares[i] = { files = {}, bytes = 0, attempts = 0 } end
   for _, file in ipairs(files) do
      table.sort(shares, function(a, b) return a.bytes < b.bytes end)
      table.insert(shares[1].files, file)
      shares[1].bytes = shares[1].bytes + file.size
   end
   return shares
end

-- One pass over all files: every word's count, and the seconds it took.
local function count(files, workers, method, faults)
   local began = billiard.now()
   local crew = {
      method = method,
      queue = make_shares(files, workers == 1 and 1 or 2 * workers),
      live = {}, started = 0, totals = {}, bytes = 0, all = files.bytes,
   }
   while #crew.queue > 0 or #crew.live > 0 do step(crew, workers, faults) end
   io.write(TERMINAL and "\r\27[K" or "")
   return crew.totals, billiard.now() - began
end

---- what people see ----

local function fail(status, ...)
   io.stderr:write("wordcount: ", ...)
   io.stderr:write "\n"
   os.exit(status, true)
end

local function parse(args)
   local dirs, workers = { table.unpack(args) }, billiard.usable_cpu_count() or 2
   workers = math.max(2, math.min(workers, 8))
   if dirs[1] == "--workers" then
      workers = math.tointeger(tonumber(dirs[2]))
      table.move(dirs, 3, #dirs + 2, 1)
   end
   if not workers or workers < 1 or (dirs[1] or ""):find "^%-" then
      fail(2, "usage: wordcount.lua [--workers N] [DIR ...]")
   end
   return workers, dirs
end

local function default_dirs()
   local dirs = {}
   for _, dir in ipairs { "/usr/share/common-licenses", "/usr/share/doc" } do
      local there <close> = io.open(dir)
      dirs[#dirs + 1] = there and dir
   end
   return dirs
end

-- Without gz files; symbolic links are not followed, but a DIR may be one.
local function find_files(dirs)
   local command = { "find", "-H" }
   for _, dir in ipairs(dirs) do
      local there, problem = io.open(dir)
      if not there then fail(1, problem) end
      there:close()
      table.insert(command, dir:find "^/" and dir or "./" .. dir)
   end
   for word in ("-type f ! -name *.gz -printf %s\\t%p\\0"):gmatch "%S+" do
      table.insert(command, word)
   end
   local found, files = assert(billiard.run(command)), { bytes = 0 }
   io.stderr:write(found.stderr)
   for size, path in found.stdout:gmatch "(%d+)\t(%Z+)" do
      files[#files + 1] = { path = path, size = math.tointeger(size) }
      files.bytes = files.bytes + size
   end
   table.sort(files, function(a, b) return a.size > b.size end)
   return files
end

-- A small machine has few texts: they are read so often that there is work.
local function repeat_files(files)
   local n, once = math.ceil(ENOUGH / files.bytes), #files
   for i = once + 1, once * n do files[i] = files[i - once] end
   files.bytes = files.bytes * n
   table.sort(files, function(a, b) return a.size > b.size end)
   if n > 1 then
      print("That is little: each file is read " .. n .. " times.")
   end
end

local function print_top(totals)
   local words = {}
   for word in pairs(totals) do
      if word:find "^[^A-Z]" then words[#words + 1] = word end
   end
   table.sort(words, function(a, b)
      if totals[a] ~= totals[b] then return totals[a] > totals[b] end
      return a < b
   end)
   print "\nThe most frequent words:"
   for i = 1, math.min(10, #words) do
      local n = totals[words[i]]
      print(("%9d  %-12s %s"):format(n, words[i],
         ("="):rep(math.ceil(40 * n / totals[words[1]]))))
   end
   return #words
end

-- How many keys have another count in the other table.
local function differences(a, b)
   local n = 0
   for key, count_a in pairs(a) do n = n + (b[key] == count_a and 0 or 1) end
   for key in pairs(b) do n = n + (a[key] and 0 or 1) end
   return n
end

local function main()
   local workers, dirs = parse(arg)
   local given = #dirs > 0
   if not given then dirs = default_dirs() end
   local files = #dirs > 0 and find_files(dirs) or {}
   if #files == 0 then fail(1, "no files to count: name other directories") end
   print(("%d files with %.1f MB below %s"):format(#files, files.bytes / 1e6,
      table.concat(dirs, " and ")))
   if not given and files.bytes > 0 then repeat_files(files) end

   local single, alone = count(files, 1, "fork", {})
   print(("\nOne worker for everything:\n   %.2f s"):format(alone))
   local _, together = count(files, workers, "fork", {})
   print(("%d workers at a time:\n   %.2f s, %.1f times as fast as one")
      :format(workers, together, alone / together))
   print "One is made to hang, one to crash, with each start method:"
   local totals, wrong = single, 0
   for _, method in ipairs(billiard.get_all_start_methods()) do
      local seconds
      totals, seconds = count(files, workers, method, FAULTS)
      wrong = wrong + differences(totals, single)
      print(("   %-10s  %.2f s"):format(method, seconds))
   end

   local different = print_top(totals)
   for _, why in ipairs { "BINARY", "UNREADABLE" } do
      if totals[why] then
         print(("Left out as %s: %d files"):format(why:lower(), totals[why]))
      end
   end
   if wrong > 0 then
      fail(1, "the totals DIFFER from those of one worker, in ", wrong, " counts")
   end
   print(("\nAll totals equal those of one worker: %d different words."):format(
      different))
end

main()
