-- lines() went on for ever, with "closed" for each line after the last.

local billiard = require "billiard"
local helper = require "spec.helper"

describe("the lines of a stream", function()
  helper.guard()

  it("end with the stream", function()
    local p = assert(billiard.Process {
      command = { "printf", "one\\ntwo" }, stdout = "pipe" }:start())
    local next_line, stream = p.stdout:lines()
    local seen = { next_line(stream), next_line(stream) }
    local after = table.pack(next_line(stream))
    p:join()
    p.stdout:close()
    p:close()
    assert.same({ "one", "two" }, seen)
    assert.is_nil(after[1])
  end)
end)
