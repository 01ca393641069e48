-- SPDX-License-Identifier: MIT
--- Counts the words in the text files of some directories, in parallel, and
-- stays right when one worker hangs and another one crashes.
--
--    find -> files -> shares -> queue --fork--> worker: counts a share
--                                 ^                | lines over its stdout
--              hung, dead or torn |                v
--                                 +----------- parent: merges what is whole
--
-- A worker writes "+ WEIGHT" as it gets on, then "TABLE", "WORD COUNT" for
-- each word, and "END LINES SUM": without a right END the table is torn,
-- and none of it is used. Words are in lower case; two "words" in capitals
-- count the files left out, BINARY and UNREADABLE.

local billiard = require "billiard"

local USAGE = [[
usage: wordcount.lua [options] [DIR ...]
Counts the words in the text files below the directories
(/usr/share/common-licenses and /usr/share/doc).
  --workers N   processes at a time (the usable CPUs, at least 2)
  --top N       how many words to print (10)
  --deadline S  a worker silent for S seconds hangs (0.3)
  --no-faults   let no worker hang and none crash
  --help        this text
]]

local WORD <const> = "[a-z\128-\255]+" -- of a text in lower case
local MAX_BYTES <const> = 1 << 20      -- larger files are left out
local FILE_WEIGHT <const> = 4096       -- what opening a file costs, in bytes
local REPORT_WEIGHT <const> = 1 << 18  -- a worker tells so often how far it is
local SHARES_PER_WORKER <const> = 4
local MAX_ATTEMPTS <const> = 6         -- each has twice the time of the last
local LADDER <const> = { { "INT", 0.1 }, { "TERM", 1 }, { "KILL" } }
local SIGNALS <const> = { [2] = "SIGINT", [9] = "SIGKILL", [15] = "SIGTERM" }

---- options ----

local LEAST <const> = { ["--workers"] = 1, ["--top"] = 0, ["--deadline"] = 0.01 }

local function refuse(message)
   io.stderr:write("wordcount: ", message, "\n", USAGE)
   os.exit(2, true)
end

local function parse_value(word, text)
   local n = tonumber(text)
   if not n or not (n >= LEAST[word]) or
      word ~= "--deadline" and not math.tointeger(n) then
      refuse(word .. ": bad value " .. tostring(text))
   end
   return n
end

local function parse(args)
   local options = { dirs = {}, faults = true, top = 10, deadline = 0.3,
                     workers = math.max(2, billiard.usable_cpu_count() or 2) }
   local i = 1
   while args[i] do
      local word = args[i]
      if LEAST[word] then
         i = i + 1
         options[word:sub(3)] = parse_value(word, args[i])
      elseif word == "--no-faults" then options.faults = false
      elseif word == "--help" then io.write(USAGE) os.exit(0, true)
      elseif word:find "^%-" then refuse("unknown option " .. word)
      else options.dirs[#options.dirs + 1] = word end
      i = i + 1
   end
   return options
end

local function default_dirs()
   local dirs = {}
   for _, dir in ipairs { "/usr/share/common-licenses", "/usr/share/doc" } do
      local there <close> = io.open(dir)
      dirs[#dirs + 1] = there and dir
   end
   return dirs
end

---- the files, and shares of about the same weight ----

local function find_command(dirs)
   local command = { "find", "-H" }
   for _, dir in ipairs(dirs) do -- a DIR is never part of the expression
      command[#command + 1] = dir:find "^[-(),!]" and "./" .. dir or dir
   end
   local what = { "-type", "f", "!", "-name", "*.gz", "-printf", "%s %p\\0" }
   return table.move(what, 1, #what, #command + 1, command)
end

-- The files in order of path; says what is left out.
local function find_files(dirs)
   if #dirs == 0 then return {} end
   local found = assert(billiard.run(find_command(dirs)))
   local files, too_large = {}, 0
   for size, path in found.stdout:gmatch "(%d+) (%Z+)" do
      size = math.tointeger(size)
      if size > MAX_BYTES then too_large = too_large + 1
      else files[#files + 1] = { path = path, weight = size + FILE_WEIGHT } end
   end
   table.sort(files, function(a, b) return a.path < b.path end)
   for line in found.stderr:gmatch "[^\n]+" do
      print((line:gsub("%c", "?")))
   end
   if too_large > 0 then print("left out, too large: " .. too_large) end
   return files
end

-- Cuts the list: neighbours have words in common, so their tables are short.
local function make_shares(files, n)
   local shares, all, before = {}, 0, 0
   for _, file in ipairs(files) do all = all + file.weight end
   for _, file in ipairs(files) do
      local share = shares[#shares]
      if #shares == 0 or before >= all * #shares / n then
         share = { files = {}, weight = 0 }
         shares[#shares + 1] = share
      end
      share.files[#share.files + 1] = file
      share.weight, before = share.weight + file.weight, before + file.weight
   end
   return shares, all
end

---- counting ----

local function add(counts, key, n) counts[key] = (counts[key] or 0) + n end

local function count_file(path, counts)
   local file <close> = io.open(path, "rb")
   local text = file and file:read "a"
   if not text then return add(counts, "UNREADABLE", 1) end
   if text:find("\0", 1, true) then return add(counts, "BINARY", 1) end
   for word in text:lower():gmatch(WORD) do
      counts[word] = (counts[word] or 0) + 1
   end
end

-- Counts all files; tells `report` of every REPORT_WEIGHT done.
local function count_files(files, report)
   local counts, weight = {}, 0
   for _, file in ipairs(files) do
      count_file(file.path, counts)
      weight = weight + file.weight
      if weight >= REPORT_WEIGHT then
         report(weight)
         weight = 0
      end
   end
   return counts
end

---- the worker ----

local FAULTS <const> = {
   crash = function() os.execute "kill -KILL $PPID" end,
   -- a process that waits for a shell ignores SIGINT, so the ladder's first
   -- step does nothing; the shell ends with the stdin that it reads
   hang = function() while true do os.execute "read line" end end,
}

local function lines_of(counts)
   local lines, sum = { "TABLE\n" }, 0
   for word, n in pairs(counts) do
      lines[#lines + 1] = word .. " " .. n .. "\n"
      sum = sum + n
   end
   lines[#lines + 1] = ("END %d %d\n"):format(#lines - 1, sum)
   return lines
end

local function work(files, fault)
   io.stdout:setvbuf("full", 1 << 16)
   local lines = lines_of(count_files(files, function(weight)
      io.write("+ ", weight, "\n")
      io.flush()
   end))
   for i, line in ipairs(lines) do
      if fault and i == #lines // 2 + 1 then -- half-way, within a line
         io.write(line:sub(1, #line // 2))
         io.flush()
         FAULTS[fault]()
      end
      io.write(line)
   end
end

---- the parent: one worker ----

local function start_worker(crew)
   local share = table.remove(crew.queue, 1)
   local fault = table.remove(crew.faults, 1)
   crew.started = crew.started + 1
   local process = billiard.Process {
      target = work, args = { share.files, fault }, daemon = true,
      name = "worker " .. crew.started,
      stdout = "pipe", stdin = fault == "hang" and "pipe" or "null",
   }
   assert(process:start())
   table.insert(crew.live, {
      process = process, name = process.name, share = share, weight = 0,
      last = billiard.now(), patience = crew.deadline * 2 ^ share.attempts,
   })
end

-- The counts in a table's text; nil when it is torn.
local function parse_table(text)
   local lines, sum = text:match "\nEND (%d+) (%d+)\n$"
   local counts, seen, total = {}, 0, 0
   for word, n in text:gmatch "([^%s%d]+) (%d+)\n" do
      n = math.tointeger(n)
      counts[word], seen, total = n, seen + 1, total + n
   end
   return seen == tonumber(lines) and total == tonumber(sum) and counts or nil
end

-- Takes all that is there now, lines of progress and then a table. Nothing is
-- left in the Stream's own buffer, which wait() would not see.
local function drain(worker)
   local stream, line, code = worker.process.stdout, nil, nil
   while not worker.in_table do
      line, code = stream:read("l", 0)
      if not line then break end
      worker.in_table = line == "TABLE"
      worker.weight = worker.weight + (line:match "^%+ (%d+)$" or 0)
   end
   if worker.in_table then worker.table, code = stream:read("a", 0) end
   worker.complete = code ~= "timeout"
end

-- Ends it if it has not ended, lets go of all it held; says how it ended.
local function dismiss(worker, ladder)
   local process = worker.process
   local _, how, n = assert(process:stop(ladder))
   if process.stdin then process.stdin:close() end
   process.stdout:close()
   process:close()
   return how == "signal" and SIGNALS[n] or how .. " " .. tostring(n)
end

---- the parent: the crew ----

local function redo(crew, worker, why, ending)
   local share = worker.share
   crew.screen.say(("%s %s %s its table (%s): share done again"):format(
      worker.name, why, worker.in_table and "within" or "before", ending))
   share.attempts = share.attempts + 1
   assert(share.attempts < MAX_ATTEMPTS, "a share failed too often")
   table.insert(crew.queue, 1, share)
end

-- Reads on: "ended", "hung", or nil while there is hope.
local function look_at(worker)
   if not worker.complete then drain(worker) end
   if worker.complete and not worker.process:is_alive() then return "ended" end
   return billiard.now() - worker.last > worker.patience and "hung" or nil
end

local function settle(crew, worker, state)
   local ending = dismiss(worker, LADDER)
   local counts = parse_table("\n" .. (worker.table or ""))
   if state == "hung" then redo(crew, worker, "hung", "ended by " .. ending)
   elseif ending ~= "exit 0" then redo(crew, worker, "crashed", ending)
   elseif not counts then redo(crew, worker, "broke off", ending)
   else
      for word, n in pairs(counts) do add(crew.totals, word, n) end
      crew.weight = crew.weight + worker.share.weight
   end
end

-- Waits for the workers until the first deadline; notes who shows life.
local function wait_for(live)
   local things, owner, left = {}, {}, math.huge
   for _, worker in ipairs(live) do
      local process, stream = worker.process, worker.process.stdout
      owner[process], owner[stream] = worker, worker
      if not worker.complete then things[#things + 1] = stream end
      if process:is_alive() then things[#things + 1] = process end
      left = math.min(left, worker.last + worker.patience - billiard.now())
   end
   for _, thing in ipairs(assert(billiard.wait(things, left))) do
      owner[thing].last = billiard.now()
   end
end

local function run_crew(crew, workers, all)
   local live = crew.live
   while #crew.queue > 0 or #live > 0 do
      while #crew.queue > 0 and #live < workers do start_worker(crew) end
      wait_for(live)
      local weight = 0
      for i = #live, 1, -1 do
         local worker, state = live[i], look_at(live[i])
         weight = weight + (state and 0 or worker.weight)
         if state then settle(crew, table.remove(live, i), state) end
      end
      crew.screen.progress((crew.weight + weight) / all)
   end
end

-- Closing a crew, on whatever way out, leaves no worker.
local CREW <const> = { __close = function(crew)
   for _, worker in ipairs(crew.live) do
      dismiss(worker, billiard.policy.stop.brutal)
   end
end }

-- Counts the shares, with one fault in each of the first workers.
local function in_parallel(shares, all, options, faults, screen)
   local start = billiard.now()
   for _, share in ipairs(shares) do share.attempts = 0 end
   local crew <close> = setmetatable({
      queue = table.move(shares, 1, #shares, 1, {}), live = {}, totals = {},
      weight = 0, started = 0, deadline = options.deadline,
      faults = faults, screen = screen,
   }, CREW)
   run_crew(crew, options.workers, all)
   screen.done()
   return { counts = crew.totals, seconds = billiard.now() - start }
end

---- what people see ----

-- A bar where stderr is a terminal, a line for each quarter elsewhere.
local function new_screen()
   local terminal, shown, screen = os.execute "test -t 2", 0, {}
   function screen.progress(part)
      local step = math.floor(part * (terminal and 50 or 4))
      if step <= shown then return end
      shown = step
      if not terminal then return print(step * 25 .. " % counted") end
      io.stderr:write("\r[", ("#"):rep(step), ("."):rep(50 - step), "] ",
         step * 2, " %")
   end
   function screen.done()
      if terminal then io.stderr:write "\r\27[K" end
   end
   function screen.say(text)
      screen.done()
      print(text)
   end
   return screen
end

local function print_top(totals, top)
   local words = {}
   for word in pairs(totals) do
      words[#words + 1] = not word:find "^%u" and word or nil
   end
   table.sort(words, function(a, b)
      if totals[a] ~= totals[b] then return totals[a] > totals[b] end
      return a < b
   end)
   for i = 1, math.min(top, #words) do
      local n = totals[words[i]]
      local bar = ("="):rep(math.ceil(30 * n / totals[words[1]]))
      print(("%9d  %-15s %s"):format(n, words[i], bar))
   end
end

-- How many keys have another count in the other table.
local function differences(counts, others)
   local n = 0
   for word in pairs(counts) do n = n + (others[word] and 0 or 1) end
   for word, count in pairs(others) do
      n = n + (counts[word] == count and 0 or 1)
   end
   return n
end

-- True when all passes counted what one process did.
local function check(single, passes)
   local words, different, wrong = 0, 0, 0
   for word, n in pairs(single.counts) do
      if word:find "^%u" then print(("left out, %s: %d"):format(word:lower(), n))
      else words, different = words + n, different + 1 end
   end
   for _, pass in ipairs(passes) do
      wrong = wrong + differences(single.counts, pass.counts)
      print(("%6.2f s  %s"):format(pass.seconds, pass.title))
   end
   print(("%6.2f s  one process: the workers are %.2f times as fast")
      :format(single.seconds, single.seconds / passes[#passes].seconds))
   print(wrong == 0
      and ("totals equal those of one process: %d words, %d different")
         :format(words, different)
      or ("totals DIFFER from those of one process: %d counts are wrong")
         :format(wrong))
   return wrong == 0
end

local function main()
   local options = parse(arg)
   local dirs = #options.dirs > 0 and options.dirs or default_dirs()
   local files = find_files(dirs)
   local n = options.workers
   local shares, all = make_shares(files, SHARES_PER_WORKER * n)
   print(("%d files in %d shares for %d workers"):format(#files, #shares, n))
   local screen, passes = new_screen(), {}
   local function pass(title, faults)
      passes[#passes + 1] = in_parallel(shares, all, options, faults, screen)
      passes[#passes].title = title
   end
   if options.faults then
      pass(n .. " workers, one hung, one crashed", { "hang", "crash" })
      screen.progress = function() end
   end
   pass(n .. " workers", {})
   local single, start = {}, billiard.now()
   single.counts = count_files(files, function() end)
   single.seconds = billiard.now() - start
   print_top(passes[1].counts, options.top)
   return check(single, passes)
end

io.stdout:setvbuf "line"
local ok, result = pcall(main)
if ok then os.exit(result, true) end
local stopped = tostring(result):find("interrupted!", 1, true)
io.stderr:write("wordcount: ", stopped and "interrupted" or tostring(result), "\n")
os.exit(stopped and 130 or 1, true)
