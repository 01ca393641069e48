-- SPDX-License-Identifier: MIT
-- run.lua RESULTS FOLDER: has spin check the models beside this file, each in
-- the sizes below; then spoils them, one step at a time, and expects spin to
-- find fault: a model that cannot fail proves nothing. FOLDER is for what spin
-- and the compiler write. MODEL_MORE=1 checks larger sizes too.

local runs = require "spec.model.runs"

local results, folder = arg[1], arg[2]
local cc = os.getenv "CC" or "cc"
local MEBIBYTES <const> = 6000

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function write(path, text, mode)
  local file <close> = assert(io.open(path, mode or "w"))
  assert(file:write(text))
end

local function shell(command)
  local out <close> = assert(io.popen(command .. " 2>&1"))
  return out:read "a"
end

local function defines(size)
  local words = {}
  for name, value in pairs(size) do words[#words + 1] = ("-D%s=%d"):format(name, value) end
  table.sort(words)
  return table.concat(words, " ")
end

-- What spin says about the text of a model in some size: how many errors (0 or
-- 1) and states, or nil and why it does not know.
local function check(text, size)
  write(folder .. "/model.pml", text)
  local said = shell(("cd '%s' && rm -f *.trail && spin %s -a model.pml && "
    .. "%s -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=%d -o pan pan.c && ./pan -n -m1000000")
    :format(folder, defines(size), cc, MEBIBYTES))
  local errors, states = said:match "errors: (%d+)%s+(%d+) states, stored"
  if not errors or said:find "depth too small" or said:find "memory" and said:find "exhausted"
    or said:find "Search not completed" and errors == "0" then
    return nil, said
  end
  return tonumber(errors), tonumber(states), said:match "(depth reached %d+)"
end

local passed, failed = 0, 0

local function report(ok, name, detail)
  passed, failed = passed + (ok and 1 or 0), failed + (ok and 0 or 1)
  print(("%s %-58s %s"):format(ok and "ok    " or "not ok", name, detail))
  io.stdout:flush()
end

local function model(file) return read("spec/model/" .. file .. ".pml") end

local function run_size(run)
  local errors, states, depth = check(model(run.model), run.size)
  report(errors == 0, run.model .. ": " .. run.what, errors
    and ("%d errors, %d states, %s"):format(errors, states, depth) or states)
  if errors == 1 then
    print(shell(("cd '%s' && spin %s -p -g -k model.pml.trail model.pml | tail -60")
      :format(folder, defines(run.size))))
  end
end

-- Replaces plain text, which must be there.
local function spoil(text, changes)
  for i = 1, #changes, 2 do
    local from, to = text:find(changes[i], 1, true)
    assert(from, "no longer in the model: " .. changes[i])
    text = text:sub(1, from - 1) .. changes[i + 1] .. text:sub(to + 1)
  end
  return text
end

local function run_mutant(mutant)
  local errors, states = check(spoil(model(mutant.model), mutant.changes), mutant.size)
  report(errors == 1, ("%s, spoilt: %s"):format(mutant.model, mutant.what),
    errors == 1 and "found" or errors == 0 and "NOT FOUND" or states)
end

for _, run in ipairs(runs.sizes) do run_size(run) end
if os.getenv "MODEL_MORE" then
  for _, run in ipairs(runs.more) do run_size(run) end
end
for _, mutant in ipairs(runs.mutants) do run_mutant(mutant) end
write(results, ("model all %d %d\n"):format(passed, failed), "a")
os.exit(failed == 0)
