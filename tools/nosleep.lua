-- nosleep.lua SPEC...: a test waits for events, it does not sleep. Finds calls
-- of a "sleep" in the functions given to it, before_each and after_each. What
-- stands deeper (the target of a child) may sleep, and so may a line that
-- says why in a comment: -- busy: ...

local source = require "tools.source"

local luac = os.getenv "LUAC" or "luac5.4"
local verdict = source.verdict()

-- a string "sleep" may be the name of a program
local lookups = { GETFIELD = true, GETTABUP = true, SELF = true }

local function is_test(line)
  return line:find "^%s*it%s*%(" or line:find "^%s*before_each%s*%("
    or line:find "^%s*after_each%s*%(" or line:find "^%s*finally%s*%("
end

for _, file in ipairs(arg) do
  local lines = {}
  for n, line in source.lines(source.read(file)) do lines[n] = line end
  local list = assert(io.popen(luac .. " -p -l '" .. file .. "'"))
  local inside = false
  for text in list:lines() do
    local first = tonumber(text:match "^function <.*:(%d+),%d+>")
    if first then inside = is_test(lines[first] or "") end
    local at, opcode = text:match '^%s+%d+%s+%[(%d+)%]%s+(%u+).*"sleep"'
    at = inside and lookups[opcode] and tonumber(at)
    if at and not lines[at]:find "%-%- busy:" then
      verdict.add("%s:%d: sleeps; wait for an event with a deadline", file, at)
    end
  end
  list:close()
end
verdict.close(("%d spec files wait for events"):format(#arg))
