-- Runs specs with the interpreter that runs this file:
--   lua5.4 spec/run.lua                    all of them, each in its own
--   lua5.4 spec/run.lua FILE... [options]  these, in this one
-- Options are busted's. What `make` has built is tested, in BUILD (build);
-- with BILLIARD_INSTALLED=1 what LUA_PATH and LUA_CPATH find is.

local lfs = require "lfs"

local here = arg[0]:match "^(.*)/spec/run%.lua$"
if here then assert(lfs.chdir(here)) end
local root = lfs.currentdir()

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local function spec_files(folder, files)
  for name in lfs.dir(folder) do
    if name:find "_spec%.lua$" then files[#files + 1] = folder .. "/" .. name end
  end
  table.sort(files)
  return files
end

local function set_paths()
  package.path = root .. "/?.lua;" .. package.path
  if os.getenv "BILLIARD_INSTALLED" == "1" then return end
  local build = os.getenv "BUILD" or "build"
  if build:sub(1, 1) ~= "/" then build = root .. "/" .. build end
  package.path = root .. "/scripts/?.lua;" .. root .. "/scripts/?/init.lua;" .. package.path
  package.cpath = build .. "/lib/?.so;" .. package.cpath
end

local function run_here()
  local options = { "-o", root .. "/tools/report.lua", "--ignore-lua", "--loaders=lua" }
  if os.getenv "BILLIARD_SPEC_GC" then
    table.move({ "--helper", root .. "/tools/gcstress.lua" }, 1, 2, #options + 1, options)
  end
  table.move(arg, 1, #arg, #options + 1, options)
  table.move(options, 1, #options, 1, arg)
  set_paths()
  require "busted.runner" { standalone = false }
end

local function run_each(options)
  local interpreter = assert(lfs.symlinkattributes("/proc/self/exe", "target"))
  local files = spec_files("spec/regress", spec_files("spec", {}))
  local bad = 0
  for _, file in ipairs(files) do
    io.write(file, "\n")
    io.flush()
    local command = { quote(interpreter), "spec/run.lua", quote(file) }
    for _, option in ipairs(options) do command[#command + 1] = quote(option) end
    if not os.execute(table.concat(command, " ")) then bad = bad + 1 end
  end
  print(("%d of %d spec files failed"):format(bad, #files))
  os.exit(bad == 0 and #files > 0, true)
end

for i = 1, #arg do
  if arg[i]:find "%.lua$" and lfs.attributes(arg[i], "mode") == "file" then
    return run_here()
  end
end
run_each(arg)
