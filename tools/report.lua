-- A busted output handler: says what failed, and why, as it happens, and ends
-- with one line that tools/run-specs.sh reads:
--   # 12 passed, 0 failed, 1 skipped

local busted = require "busted"

local count = { success = 0, failed = 0, pending = 0 }
local last -- how the test before ended
local reason -- why a test is pending
local verbose = false

local function full_name(element)
  local names = {}
  while element and element.descriptor ~= "file" and element.descriptor ~= "suite" do
    table.insert(names, 1, tostring(element.name or element.descriptor))
    element = busted.parent(element)
  end
  return table.concat(names, " ")
end

local function say(...)
  io.write(..., "\n")
  io.flush()
end

local on = {} -- a handler lets the others see the event too: nil, true

function on.test_end(element, _, status)
  last = count[status] and status or "failed"
  count[last] = count[last] + 1
  if last == "pending" then
    say("skipped " .. full_name(element) .. (reason and ": " .. tostring(reason) or ""))
  elseif verbose and last == "success" then
    say("ok " .. full_name(element))
  end
  reason = nil
  return nil, true
end

function on.pending(_, _, message)
  reason = message
  return nil, true
end

function on.trouble(element, _, message, trace)
  say("not ok " .. full_name(element))
  say("  " .. tostring(message):gsub("\n", "\n  "))
  local lines = trace and trace.traceback
  if lines then say("  " .. lines:gsub("^\n", ""):gsub("%s+$", ""):gsub("\n%s*", "\n    ")) end
  if element.descriptor == "it" then return nil, true end
  count.failed = count.failed + 1
  -- what a test has left behind makes it a failure, and only one
  if element.descriptor == "after_each" and (last == "success" or last == "failed") then
    count[last] = count[last] - 1
    last = nil
  end
  return nil, true
end

function on.exit()
  say(("# %d passed, %d failed, %d skipped"):format(count.success, count.failed, count.pending))
  return nil, true
end

local handler = {}

function handler:subscribe()
  busted.subscribe({ "test", "end" }, on.test_end)
  busted.subscribe({ "pending" }, on.pending)
  busted.subscribe({ "failure" }, on.trouble)
  busted.subscribe({ "error" }, on.trouble)
  busted.subscribe({ "exit" }, on.exit)
  return self
end

return function(options)
  verbose = options.verbose
  return handler
end
