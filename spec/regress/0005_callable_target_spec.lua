-- A callable table without a registered metatable arrived as a plain one, and
-- failed in the child.

local billiard = require "billiard"
local helper = require "spec.helper"
local starts = require "spec.fixtures.start.kit"

local Process = billiard.Process
local each = starts.each(it)

describe("a callable table", function()
  helper.guard()
  local Adder = { __name = "regress.Adder", __call = function(self, x) return self.n + x end }

  each(starts.remote, "is no target where it would come without its metatable", function(method)
    local p = Process { start_method = method, target = setmetatable({ n = 1 }, Adder) }
    local ok, err = pcall(function() p:start() end)
    assert.is_false(ok)
    assert.equal("unsendable", err.code)
    assert.matches("^target: a callable table", err.path)
    assert.matches("0005_callable_target_spec.lua:%d+: cannot send target: .*billiard.register",
      err.message)
    assert.matches("initial", tostring(p), 1, true)
    p:close()
  end)

  each(starts.remote, "is one where its type is registered, or as a module", function(method)
    local Registered = { __name = "regress.Registered." .. method, __call = Adder.__call }
    billiard.register(Registered)
    assert.equal(42, starts.result(method, setmetatable({ n = 40 }, Registered), 2))
    package.loaded["regress.callable"] = setmetatable({}, { __call = print })
    local err = starts.failure { start_method = method,
      target = package.loaded["regress.callable"] }
    package.loaded["regress.callable"] = nil
    assert.matches("module 'regress.callable' not found", err.message)
  end)
end)
