-- Leaving from within an at_exit function skipped the rest of the end, and a
-- child that was asked to unwind left its own children behind.

local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local script = [[
  local billiard = require "billiard"
  local function last_words()
    local e = billiard.Process { target = function() print "joined" end }
    billiard.at_exit(function() print "first" end)
    billiard.at_exit(function() %s end)
    e:start()
  end
  %s]]

describe("the end of a process", function()
  helper.guard()
  kit.faults()

  for _, call in ipairs { "os.exit(8)", "billiard.exit(8)" } do
    for where, body in pairs {
      ["by its end"] = "last_words()",
      ["by os.exit"] = "last_words() os.exit(3)",
      ["in a child"] = [[
        local p = billiard.Process { target = last_words }
        p:start()
        p:join()
        os.exit(p.exitcode)]],
    } do
      it(("goes on when %s comes within it, %s"):format(call, where), function()
        local out, err, code = helper.run(script:format(call, body))
        assert.equal("", err)
        assert.matches("first", out)
        assert.matches("joined", out)
        assert.equal(8, code)
      end)
    end
  end

  it("ends the children of a child that was asked to unwind", function()
    local owner <close> = kit.owner [[
      local p = Process { target = function()
        local q = Process { command = { "sleep", "3600" } }
        q:start()
        billiard.ready(tostring(q.pid))
        billiard.sleep(3600)
      end }
      assert(p:start())
      local _, pid = p:wait_ready(20)
      assert(p:terminate_controlled(20))
      say("joined", select(2, p:join(20)), state_of(pid) or "gone")]]
    owner:expect "^joined signal gone$"
    owner:all_gone()
  end)
end)
