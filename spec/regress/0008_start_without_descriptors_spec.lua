-- A first start with no descriptor free was told that there was no program for
-- the child, and took a worse one for all that followed.

local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"
local starts = require "spec.fixtures.start.kit"

local each = starts.each(it)

local function program()
  return (require "lfs".symlinkattributes("/proc/self/exe", "target"))
end

describe("a start with no descriptor free", function()
  helper.guard()
  kit.faults()

  each(starts.all, "is EMFILE, and the next one is as ever", function(method)
    local out, err, status = kit.run([[
      local method = ...
      faults.rlimit("nofile", 60)
      local files = {}
      repeat
        local file = io.open "/dev/null"
        files[#files + 1] = file
      until not file
      local ok, message, code = Process{ target = print, start_method = method }:start()
      for _, file in ipairs(files) do file:close() end
      say(tostring(ok), code, message)
      local p <close> = assert(Process{ start_method = method, target = function()
        return (require "lfs".symlinkattributes("/proc/self/exe", "target"))
      end }:start())
      say(assert(p:result(20)))]], { args = { method } })
    assert.equal("", err)
    assert.equal(0, status)
    local told, second = out:match "^([^\n]*)\n([^\n]*)\n$"
    assert.matches("^nil EMFILE too many open files %(start: [%a ]+%)$", told)
    assert.equal(starts.result(method, program), second)
  end)
end)
