-- A process that ended, or failed, while it held a Connection waited for ever
-- for a child that waited for the end of that pipe.

local helper = require "spec.helper"

local script = [[
  local billiard = require "billiard"
  local function reader(connection)
    for value in function() return connection:recv() end do print(value) end
    print "ended"
  end
  local here, there = billiard.Pipe()
  local p = billiard.Process { target = reader, args = { there }, start_method = "%s" }
  assert(p:start())
  there:close()
  here:send "last"
  %s]]

describe("a process that ends with a Connection open", function()
  helper.guard()

  for _, method in ipairs { "fork", "forkserver", "spawn" } do
    it("lets its child see the end of the pipe, by " .. method, function()
      local out, err, code = helper.run(script:format(method, ""))
      assert.equal("", err)
      assert.equal("last\nended\n", out)
      assert.equal(0, code)
    end)

    it("does so after an error too, by " .. method, function()
      local out, err, code = helper.run(script:format(method, "error 'broken'"))
      assert.matches("broken", err)
      assert.equal("last\nended\n", out)
      assert.equal(1, code)
    end)
  end
end)
