-- A count that is no count reached the C stack.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process

describe("the n of args", function()
  helper.guard()

  it("raises where it counts nothing", function()
    for _, n in ipairs { -1, -100, 1.5, 1 << 40, "x" } do
      kit.raises(function() Process { target = print, args = { n = n } } end, "args", "'n'")
    end
  end)

  it("counts nils at the end", function()
    local p = Process { args = { 1, nil, nil, n = 3 },
      target = function(...) os.exit(select("#", ...)) end }
    assert(p:start())
    assert.same({ true, "exit", 3 }, { p:join() })
    p:close()
  end)
end)
