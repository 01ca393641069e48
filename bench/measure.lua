-- SPDX-License-Identifier: MIT
-- What the benches share: medians of interleaved runs, and the lines.

local billiard = require "billiard"

local measure = {}

function measure.median(list)
   local sorted = table.move(list, 1, #list, 1, {})
   table.sort(sorted)
   local middle = (#sorted + 1) / 2
   return (sorted[math.floor(middle)] + sorted[math.ceil(middle)]) / 2
end

--- Seconds that f takes.
function measure.time(f, ...)
   local start = billiard.now()
   f(...)
   return billiard.now() - start
end

--- Runs each function in turn, n times, so that noise hits all of them; what
-- they return are seconds. Returns the median of each.
function measure.interleave(n, ...)
   local functions, all, medians = { ... }, {}, {}
   for i = 1, #functions do
      all[i] = {}
      functions[i]()
   end
   for round = 1, n do
      for i, f in ipairs(functions) do
         all[i][round] = f()
      end
   end
   for i, list in ipairs(all) do
      medians[i] = measure.median(list)
   end
   return table.unpack(medians)
end

--- The figure that a peer's script prints (seconds), or nil without the peer.
function measure.peer(command)
   local result = billiard.run { timeout = 60, table.unpack(command) }
   return result and result.exitcode == 0 and tonumber(result.stdout) or nil
end

local GOALS = {
   -- the bound, and how to tell whether it is kept
   value = { sign = "<=", kept = function(n, bound) return n <= bound end },
   floor = { sign = "<=", kept = function(n, bound) return n <= bound end },
   peer = { sign = ">=", kept = function(n, bound) return n >= bound end },
}

local function verdict(figures, goal)
   local what, bound = next(goal or {})
   if not what then
      return "-", "-"
   end
   local n = figures[what]
   return ("%s%s%g"):format(what, GOALS[what].sign, bound),
      not n and "-" or GOALS[what].kept(n, bound) and "ok" or "MISSED"
end

local function ratio(n)
   return n and ("%.2f"):format(n) or "-"
end

local LINE <const> = "%-34s %9s %-5s %14s %13s %12s %s"

function measure.head(floor)
   print(("# %s, %s"):format(floor.machine(), _VERSION))
   print(LINE:format("# name", "value", "unit", "ratio_to_floor",
      "ratio_to_peer", "goal", "verdict"))
end

--- Prints one line. `value` in `unit`; `floor` and `peer` in the same unit,
-- where known; `goal` bounds one of the three: `{ floor = 1.5 }` and so on.
-- ratio_to_floor says how many times the floor we take, ratio_to_peer how many
-- times as much as we the peer takes.
function measure.line(t)
   local figures = {
      value = t.value,
      floor = t.floor and t.value / t.floor,
      peer = t.peer and t.peer / t.value,
   }
   local goal, word = verdict(figures, t.goal)
   print(LINE:format(t.name, ("%.3g"):format(t.value), t.unit,
      ratio(figures.floor), ratio(figures.peer), goal, word))
   io.stdout:flush()
end

--- The same with seconds in, microseconds out.
function measure.seconds(t)
   t.unit = "us"
   for _, key in ipairs { "value", "floor", "peer" } do
      t[key] = t[key] and t[key] * 1e6
   end
   measure.line(t)
end

return measure
