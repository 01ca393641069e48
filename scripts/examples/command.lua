-- SPDX-License-Identifier: MIT
--- A program with its streams in our hands, and the one-liner for the rest.

local billiard = require "billiard"

local sort <close> = billiard.Process {
   command = { "sort", "-n" }, stdin = "pipe", stdout = "pipe",
}
assert(sort:start())
for _, n in ipairs { 10, 9, 2, 33, 1 } do assert(sort.stdin:write(n .. "\n")) end
sort.stdin:close() -- the end of its input
local sorted = {}
for line in sort.stdout:lines() do sorted[#sorted + 1] = line end
sort:join()
print("sorted: " .. table.concat(sorted, " "))
assert(table.concat(sorted, " ") == "1 2 9 10 33" and sort.exitcode == 0)

-- all at once: input, output, and how it ended
local result = assert(billiard.run { "tr", "a-z", "A-Z", input = "quietly\n" })
io.write("tr says: ", result.stdout)
assert(result.stdout == "QUIETLY\n" and result.exitcode == 0)

-- what the world refuses is returned, with a sentence and a code
local nothing, message, code = billiard.run { "no-such-program" }
print("not run: " .. message)
assert(nothing == nil and code == "ENOENT")

nothing, message = billiard.run { "sleep", "3600", timeout = 0.2 }
print("sleep: " .. message)
assert(nothing == nil and message == "timeout")
