-- SPDX-License-Identifier: MIT
-- run with: lua scripts/billiard
--- Checks every file below some directories, several at a time, each within a
-- time limit; a file that breaks its worker costs nothing but itself.
--
--    find --paths--> imap_unordered --> workers: one file each
--                         |
--                         +--> what it found, as it comes; what was wrong
--
-- Usage: check_tree.lua [--jobs N] [--limit SECONDS] CHECK DIR ...
-- CHECK is one of
--    lua     compiles .lua files, as luac -p does
--    hash    prints the SHA-256 of files, for sha256sum -c
--    gzip    prints their sizes before and after compression
-- Exit status: 0 if all files are good, 1 if some are not, 2 for bad usage.

local billiard = require "billiard"

---- in a worker: a check returns what to print, or raises what is wrong ----

local function compile(path)
   local code, problem = loadfile(path, "t")
   if not code then error(problem, 0) end
end

-- A program failed: what it said, or how it ended.
local function fail(name, said, exitcode)
   error(said:match "[^\n]+" or ("%s ended with %d"):format(name, exitcode), 0)
end

local function hash(path)
   local result = assert(billiard.run { "sha256sum", "--", path })
   if result.exitcode ~= 0 then fail("sha256sum", result.stderr, result.exitcode) end
   return result.stdout
end

-- What gzip makes goes by in pieces: a file may be larger than memory.
local function compress(path)
   local gzip <close> = billiard.Process {
      command = { "gzip", "-c", "--", path }, stdout = "pipe", stderr = "pipe" }
   assert(gzip:start())
   local size = 0
   for piece in function() return gzip.stdout:read_some() end do
      size = size + #piece
   end
   gzip:join()
   if gzip.exitcode ~= 0 then fail("gzip", gzip.stderr:read "a", gzip.exitcode) end
   local file <close> = assert(io.open(path))
   return ("%d -> %d %s\n"):format(file:seek "end", size, path)
end

local CHECKS <const> = {
   lua = { run = compile, names = "*.lua" },
   hash = { run = hash, names = "*" },
   gzip = { run = compress, names = "*" },
}

---- the parent ----

local function start_find(names, dirs)
   local command = { "find", "-H" }
   for _, dir in ipairs(dirs) do
      table.insert(command, dir:find "^/" and dir or "./" .. dir)
   end
   table.move({ "-type", "f", "-name", names, "-print0" }, 1, 5, #command + 1, command)
   return assert(billiard.Process { command = command, stdout = "pipe" }:start())
end

-- One path after the other, while find looks for more.
local function each_path(stream)
   return coroutine.wrap(function()
      local rest = ""
      for piece in function() return stream:read_some() end do
         piece = rest .. piece
         for path in piece:gmatch "(%Z+)\0" do coroutine.yield(path) end
         rest = piece:match "%Z*$"
      end
   end)
end

local function complain(path, err)
   local reason = err.message:match "[^\n]*"
   if not reason:find(path, 1, true) then reason = path .. ": " .. reason end
   io.stderr:write(reason, "\n")
end

-- Returns how many files are good, and how many are not.
local function check(opts, dirs)
   local find <close> = start_find(opts.check.names, dirs)
   local pool <close> = assert(billiard.Pool {
      processes = opts.jobs, timeout = opts.limit })
   local next_path, paths, n = each_path(find.stdout), {}, 0
   local function source() -- is read a few files ahead of what is done
      n = n + 1
      paths[n] = next_path()
      return paths[n]
   end
   local good, bad = 0, 0
   for i, text, err in pool:imap_unordered(opts.check.run, source) do
      if err then
         bad = bad + 1
         complain(paths[i], err)
      else
         good = good + 1
         io.write(text or "")
      end
      paths[i] = nil
   end
   find:join()
   if find.exitcode ~= 0 then bad = bad + 1 end -- it has said why
   return good, bad
end

local function usage()
   io.stderr:write "usage: check_tree.lua [--jobs N] [--limit SECONDS] lua|hash|gzip DIR ...\n"
   os.exit(2, true)
end

local function parse(args)
   local opts = { limit = 10 }
   while (args[1] or ""):find "^%-" do
      local option, value = table.remove(args, 1), tonumber(table.remove(args, 1))
      if option == "--jobs" then opts.jobs = math.tointeger(value) or 0
      elseif option == "--limit" then opts.limit = value or 0
      else usage() end
   end
   opts.check = CHECKS[table.remove(args, 1)]
   if not opts.check or #args == 0 or opts.limit <= 0 or opts.jobs and opts.jobs < 1 then
      usage()
   end
   return opts, args
end

local began, good, bad = billiard.now(), check(parse(arg))
io.stderr:write(("%d files are good, %d are not; %.2f s\n"):format(good, bad,
   billiard.now() - began))
os.exit(bad == 0, true)
