-- SPDX-License-Identifier: MIT
--- An archive of a tree, by a pipeline: one process finds the files, two take
-- their checksums, two compress them, and this one writes the manifest, in the
-- order of the files. One of the compressors crashes at first.
--    billiard pipeline.lua [folder]

local billiard = require "billiard"
local topology = billiard.topology

local folder = arg and arg[1] or "/usr/share/common-licenses"
local archive = assert(billiard.run { "mktemp", "-d" }).stdout:match "[^\n]+"
local crashes = billiard.Value("u8", 0)

local function run(...)
   local result = assert(billiard.run { ... })
   if result.exitcode ~= 0 then error(result.stderr, 0) end
   return result.stdout
end

local function files()
   return run("find", folder, "-type", "f", "-printf", "%P\n"):gmatch "[^\n]+"
end

local function checksum(path)
   return { path = path, sum = run("sha256sum", folder .. "/" .. path):match "^%x+" }
end

local function compress(file)
   if crashes:add(1) == 3 then os.exit(1) end -- its file is lost, no other one
   file.name = file.path:gsub("/", "%%") .. ".gz"
   run("sh", "-c", 'gzip -c "$1" > "$2"', "sh", folder .. "/" .. file.path,
      archive .. "/" .. file.name)
   return file
end

local archiver <close> = topology.pipeline { name = "archive", source = files,
   ordered = true, intensity = 3,
   { name = "checksum", n = 2, target = checksum },
   { name = "compress", n = 2, target = compress },
}
assert(archiver:start())

local n, manifest = 0, assert(io.open(archive .. "/SHA256SUMS", "w"))
for file in archiver:results() do
   n = n + 1
   manifest:write(file.sum, "  ", file.name:sub(1, -4), "\n")
end
manifest:close()

-- Unpacked, all must have the checksums that they had before.
run("sh", "-c", 'cd "$1" && gunzip *.gz && sha256sum --quiet -c SHA256SUMS', "sh", archive)
local all = 0
for _ in files() do all = all + 1 end
run("rm", "-r", archive)
print(("%d of %d files archived and compared, one lost in the crash"):format(n, all))
assert(n == all - 1)
