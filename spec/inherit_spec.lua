-- What a child must not have of its parent's: text to write, exit handlers,
-- descriptors.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"

local Process = billiard.Process

describe("a forked child", function()
   helper.guard()
   kit.faults()

   it("does not write again what its parent has in a buffer", function()
      local out, err = kit.run [[
         io.stdout:setvbuf "full"
         io.write "once "
         assert(Process{ target = function() io.write "child " end }:start()
            :join())
         assert(Process{ target = os.exit }:start():join())
         io.write "end"]]
      assert.equal("", err)
      assert.equal("once child end", out)
   end)

   for how, target in pairs { ["by its end"] = "function() end",
      ["by os.exit"] = "function() os.exit(0) end",
      ["by a captured os.exit"] = "os.exit",
      ["by billiard.exit"] = "billiard.exit" } do
      it("runs none of the host's exit handlers, left " .. how, function()
         local out, err = kit.run([[
            faults.at_exit()
            local p = Process{ target = ]] .. target .. [[ }
            assert(p:start())
            faults.at_exit()
            assert(p:join())
            say(p.exitcode)]])
         assert.equal("", err)
         assert.equal("0\nleaving\nleaving\n", out)
      end)
   end
end)

describe("a command", function()
   helper.guard()

   it("has no descriptor but the standard ones", function()
      -- io.open does not mark what it opens close-on-exec
      local file <close> = assert(io.open "/dev/null")
      local other <close> = Process { command = { "cat" }, stdin = "pipe",
                                      daemon = true }
      assert(other:start())
      local input <close> = other.stdin
      local result = assert(billiard.run { "ls", "/proc/self/fd" })
      assert.is_truthy(file and input)
      -- the last is the folder that ls reads
      assert.equal("0\n1\n2\n3\n", result.stdout)
   end)

   it("of a daemon has its lifeline beside them", function()
      local p <close> = Process { command = { "ls", "-l", "/proc/self/fd" },
                                  stdout = "pipe", daemon = true }
      assert(p:start())
      local output <close> = p.stdout
      local pipes = 0
      for line in output:lines() do
         pipes = pipes + (line:find "pipe:" and 1 or 0)
      end
      assert.equal(2, pipes) -- stdout and the lifeline
   end)
end)
