-- SPDX-License-Identifier: MIT
--- Runs one program to its end: its output, how it ended, how long it took.
-- @module billiard.run

local core = require "billiard.core"
local Process = core.Process

-- seconds after SIGKILL
local AFTER_KILL <const> = 5

-- bytes written at once: what a pipe holds
local PIECE <const> = 65536

local KNOWN = { input = "string", timeout = "number", cwd = "string",
                env = "table" }

local function split_options(options)
   if type(options) ~= "table" then
      error("run: takes one table, got " .. type(options), 3)
   end
   local command = {}
   for key, value in pairs(options) do
      if math.type(key) == "integer" then
         command[key] = value
      elseif not KNOWN[key] then
         error(("run: unknown option '%s' (known: cwd, env, input, timeout)")
            :format(tostring(key)), 3)
      elseif type(value) ~= KNOWN[key] then
         error(("run: option '%s' must be a %s, got %s")
            :format(key, KNOWN[key], type(value)), 3)
      end
   end
   if options.timeout ~= options.timeout then
      error("run: option 'timeout' must not be NaN", 3)
   end
   return command
end

-- A stream, what came out of it, and whether there may be more.
local function reader(stream)
   return { stream = stream, pieces = {}, open = true }
end

-- Takes what is there now.
local function drain(from)
   local piece, _, code
   repeat
      piece, _, code = from.stream:read_some(0)
      from.pieces[#from.pieces + 1] = piece
   until not piece
   from.open = code == "timeout"
end

-- Writes what the program takes now, and closes its stdin when that is all,
-- or when it reads no more. Returns the writer while there is more to do.
local function feed(to)
   while to.at <= #to.input do
      local piece = to.input:sub(to.at, to.at + PIECE - 1)
      local done, _, code, written = to.stream:write(piece, 0)
      if not done and code ~= "timeout" then
         break
      end
      to.at = to.at + (written or #piece)
      if not done then
         return to
      end
   end
   to.stream:close()
end

-- Moves bytes until the process has ended. True, or false at the deadline.
local function exchange(process, out, err, to, deadline)
   while process:is_alive() do
      local left = deadline and deadline - core.now()
      if left and left <= 0 then
         return false
      end
      local things = { process, to and to.stream }
      things[#things + 1] = out.open and out.stream or nil
      things[#things + 1] = err.open and err.stream or nil
      assert(core.wait(things, left))
      drain(out)
      drain(err)
      to = to and feed(to)
   end
   return true
end

local function finish(process, out, err)
   -- What the program wrote is in the pipes; what children of its own may
   -- write later is not waited for.
   drain(out)
   drain(err)
   local code = process.exitcode
   return {
      stdout = table.concat(out.pieces),
      stderr = table.concat(err.pieces),
      exitcode = code,
      signal = code and code < 0 and -code or nil,
      seconds = process.ended_at - process.started_at,
   }
end

-- Leaves nothing of it, however run() is left.
local function clean_up(process)
   process.stdout:close()
   process.stderr:close()
   if process.stdin then
      process.stdin:close()
   end
   if process:is_alive() then
      core.kill_group(process)
      if not process:join(AFTER_KILL) then
         return -- hangs in the kernel: the handle stays with it
      end
   end
   process:close()
end

local cleaner = { __close = function(guard) clean_up(guard[1]) end }

--- Runs a program to its end.
-- @tparam table options the program and its arguments as a list, and
-- `input` (a string for its stdin; the null device without), `timeout`
-- (seconds, after which it and its process group are killed), `cwd`, `env`
-- @treturn table `{ stdout, stderr, exitcode, signal, seconds }`; `exitcode`
-- as `Process.exitcode`. Or nil, message, code: it could not be started, or
-- `"timeout"`.
local function run(options)
   local built, process = pcall(Process, {
      command = split_options(options),
      cwd = options.cwd,
      env = options.env,
      stdin = options.input and "pipe" or "null",
      stdout = "pipe",
      stderr = "pipe",
      pgroup = true,
   })
   if not built then
      error("run: " .. process, 2)
   end
   local started, message, code = process:start()
   if not started then
      return nil, message, code
   end
   local guard <close> = setmetatable({ process }, cleaner)
   local out, err = reader(process.stdout), reader(process.stderr)
   local to = options.input and feed {
      stream = process.stdin,
      input = options.input, at = 1, -- the next byte to write
   }
   local deadline = options.timeout and core.now() + options.timeout
   if exchange(guard[1], out, err, to, deadline) then
      return finish(process, out, err)
   end
   return nil, "timeout", "timeout"
end

return run
