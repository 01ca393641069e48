-- SPDX-License-Identifier: MIT
--- A class of processes: fields travel to the child, run() is what it does.

local billiard = require "billiard"

local Greeter = billiard.Process:extend "Greeter"

function Greeter:greeting()
   return ("%s, %s! (from %s)"):format(self.word, self.whom, self.name)
end

function Greeter:run()
   print(self:greeting())
end

local greeter = Greeter { fields = { word = "Hello" }, stdout = "pipe" }
greeter.whom = "world" -- the same, by assignment
print(greeter)
assert(greeter:start())
local said = greeter.stdout:read "l"
greeter:join()
print(greeter, said)

assert(said == "Hello, world! (from Greeter-1)")
assert(greeter.exitcode == 0 and Greeter.super == billiard.Process)
