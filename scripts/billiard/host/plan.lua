-- SPDX-License-Identifier: MIT
--- A topology drawn: as a tree for people, and for Graphviz.
-- @module billiard.host.plan

local plan = {}

local function seconds(n)
   return n < math.huge and (" %g s"):format(n) or ""
end

local function ladder(rungs)
   local words = {}
   for i, rung in ipairs(rungs) do
      words[i] = rung[1] .. (rung[2] > 0 and seconds(rung[2]) or "")
   end
   return table.concat(words, ", ")
end

local function quote_word(word)
   word = tostring(word)
   return word:find "^[%w%-_./:=@%%+,]+$" and word or ("%q"):format(word)
end

local function work(c)
   local command = c.shown or c.options.command
   if not command then return "function" end
   local words = {}
   for i, word in ipairs(command) do words[i] = quote_word(word) end
   return table.concat(words, " ")
end

-- By the type of what readiness is asked of.
local ANSWERS <const> = { boolean = "told", ["function"] = "asked" }
local NAMES <const> = { number = "port ", string = "file " }

local function readiness(c)
   if not c.ready then return nil end
   local how = c.options.ready and "fd " .. c.argument
      or ANSWERS[type(c.argument)] or NAMES[type(c.argument)] .. c.argument
   return ("ready: %s within%s"):format(how, seconds(c.start_timeout))
end

-- The words about one child, in the order of their weight.
local function details(c)
   local list = {}
   local function add(word) list[#list + 1] = word end
   if c.supervisor then
      add(c.strategy)
      add(c.window)
      add(c.listens)
      if c.auto_shutdown ~= "never" then add("ends: " .. c.auto_shutdown) end
      return list
   end
   add(work(c))
   add(c.restart_name)
   add(readiness(c))
   add("stop: " .. ladder(c.stop))
   if c.significant then add("significant") end
   return list
end

local function one_line(text) return (text:gsub("%s+", " ")) end

local function add_tree(lines, c, first, rest)
   lines[#lines + 1] = first .. c.id .. "  " ..
      one_line(table.concat(details(c), ", "))
   local children = c.children or {}
   for i, each in ipairs(children) do
      local last = i == #children
      add_tree(lines, each, rest .. (last and "`- " or "|- "),
         rest .. (last and "   " or "|  "))
   end
   return lines
end

--- The tree as text, a line for each.
function plan.text(checked)
   return table.concat(add_tree({}, checked, "", ""), "\n") .. "\n"
end

local function dot_string(text)
   return '"' .. one_line(text):gsub('[\\"]', "\\%0") .. '"'
end

local function add_nodes(lines, c, parent)
   local id = "n" .. #lines
   local label = dot_string(c.id .. "|" .. table.concat(details(c), "|"))
   lines[#lines + 1] = ("  %s [label=%s, shape=%s];"):format(id,
      label:gsub("|", "\\n"), c.supervisor and "box" or "ellipse")
   if parent then
      lines[#lines + 1] = ("  %s -> %s;"):format(parent, id)
   end
   for _, each in ipairs(c.children or {}) do add_nodes(lines, each, id) end
   return lines
end

--- The tree in Graphviz's language.
function plan.dot(checked)
   local lines = add_nodes({ "digraph topology {" }, checked)
   return table.concat(lines, "\n") .. "\n}\n"
end

return plan
