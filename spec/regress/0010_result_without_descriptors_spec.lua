-- A result that found no descriptor free was tried again and again, with all of
-- a processor, and get() told nobody why it waited.

local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

describe("a large result, with no descriptor free", function()
  helper.guard()
  kit.faults()

  it("stays where it is, and get says why", function()
    local out, err, status = kit.run [[
      local pool <close> = assert(billiard.Pool{ processes = 1, start_method = "fork" })
      local r = pool:apply_async(function() return ("x"):rep(1 << 20) end)
      faults.rlimit("nofile", 60)
      local files = {}
      repeat
        local file = io.open "/dev/null"
        files[#files + 1] = file
      until not file
      local value, problem, code = r:get(20)
      say(tostring(value), tostring(problem), tostring(code))
      for _, file in ipairs(files) do file:close() end
      say(#r:get(20))]]
    assert.equal("", err)
    assert.equal(0, status)
    assert.equal("nil too many open files (next) EMFILE\n1048576\n", out)
  end)
end)
