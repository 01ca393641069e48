-- What the examples of a pool do, on trees with bad files in them.

local helper = require "spec.helper"

local LIMIT <const> = 0.5 * helper.scale

local function write(path, text, mode)
  local file <close> = assert(io.open(path, mode or "wb"))
  assert(file:write(text))
end

local function lines_of(text)
  local set, n = {}, 0
  for line in text:gmatch "[^\n]+" do set[line], n = true, n + 1 end
  return set, n
end

-- A file of 20 GB, which takes no place: nobody reads it within a limit.
local function write_endless(path, start)
  write(path, start)
  assert(os.execute("truncate -s 20G " .. helper.quote(path)))
end

-- Puts a program of that name before all others, for the env of helper.run.
local function put_first(dir, name, script)
  local path = dir.path .. "/" .. name
  write(path, "#!/bin/sh\n" .. script)
  assert(os.execute("chmod +x " .. path))
  return { PATH = dir.path .. ":" .. os.getenv "PATH" }
end

for _, interpreter in ipairs(helper.asan and { "host" } or { "host", "lua" }) do
  local function run(name, args, env)
    return helper.run(nil, { file = "scripts/examples/" .. name .. ".lua",
      interpreter = interpreter, args = args, env = env })
  end

  describe("the checker of trees under " .. interpreter, function()
    helper.guard()

    local function check(...) return run("check_tree", { "--limit", LIMIT, ... }) end

    it("says nothing of Lua files that are good", function()
      local tree <close> = helper.tmpdir()
      write(tree.path .. "/one.lua", "#!/usr/bin/lua\nreturn 1")
      write(tree.path .. "/a b.lua", "return ...")
      write(tree.path .. "/text", "this is no Lua")
      local out, err, status = check("lua", tree.path)
      assert.equal("", out)
      assert.matches("^2 files are good, 0 are not; [%d.]+ s\n$", err)
      assert.equal(0, status)
    end)

    it("names files with wrong syntax and such as take too long", function()
      local tree <close> = helper.tmpdir()
      for i = 1, 50 do write(("%s/%d.lua"):format(tree.path, i), "return " .. i) end
      write(tree.path .. "/wrong.lua", "x = 1\ny = = 2\n")
      write_endless(tree.path .. "/slow.lua", "--[[")
      local _, err, status = check("lua", tree.path)
      assert.matches(tree.path .. "/wrong.lua:2: unexpected symbol near '='\n", err, 1, true)
      assert.matches(tree.path .. "/slow.lua: worker %S+ %(pid %d+%) was killed at the hard "
        .. "time limit", err)
      assert.matches("\n50 files are good, 2 are not;", err)
      assert.equal(1, status)
    end)

    it("prints hashes that sha256sum takes", function()
      local tree <close> = helper.tmpdir()
      for i = 1, 30 do write(("%s/%d"):format(tree.path, i), ("x"):rep(i)) end
      write(tree.path .. "/odd\\\nname", "odd")
      local out, err, status = check("hash", tree.path)
      assert.matches("^31 files are good, 0 are not;", err)
      assert.equal(0, status)
      local sums = helper.tmpname()
      write(sums, out)
      local checked <close> = io.popen("sha256sum -c --strict " .. sums .. " 2>&1")
      local _, n = lines_of((checked:read "a":gsub(": OK\n", "\n")))
      assert.equal(31, n)
      assert.is_true((checked:close()))
    end)

    it("prints sizes before and after compression", function()
      local tree <close> = helper.tmpdir()
      write(tree.path .. "/a", ("a"):rep(1000000))
      write(tree.path .. "/b", "")
      local expected = {}
      for name, size in pairs { a = 1000000, b = 0 } do
        local gzip <close> = io.popen(("gzip -c %s/%s | wc -c"):format(tree.path, name))
        expected[("%d -> %d %s/%s"):format(size, gzip:read "n", tree.path, name)] = true
      end
      local out, err, status = check("gzip", tree.path)
      assert.same({ expected, 0 }, { (lines_of(out)), status }, err)
    end)

    it("reports what cannot be read, and does the rest", function()
      local tree <close> = helper.tmpdir()
      write(tree.path .. "/a", "a")
      for _, kind in ipairs { "hash", "gzip" } do
        local out, err, status = check(kind, "/proc/self/mem", tree.path, "/no/such")
        assert.matches("/proc/self/mem: Input/output error\n", err, 1, true)
        assert.matches("/no/such", err, 1, true)
        assert.matches("1 files are good, 2 are not;", err)
        assert.matches(tree.path .. "/a\n", out, 1, true)
        assert.equal(1, status)
      end
    end)

    it("goes on when a file ends its worker, and leaves no program behind", function()
      local tree <close> = helper.tmpdir()
      local bin <close> = helper.tmpdir()
      local pids = helper.tmpname()
      local env = put_first(bin, "sha256sum", [[case $2 in
        *crash) kill -KILL $PPID ;;
        *mute) exit 3 ;;
        *slow) echo $$ >> ]] .. pids .. [[; exec sleep 3600 ;;
        esac; echo "hash of $2"]])
      for _, name in ipairs { "a", "b", "crash", "mute", "slow", "c" } do
        write(tree.path .. "/" .. name, name)
      end
      local out, err, status = run("check_tree",
        { "--jobs", 1, "--limit", LIMIT, "hash", tree.path }, env)
      local set, n = lines_of(out)
      for _, name in ipairs { "a", "b", "c" } do
        assert.is_true(set["hash of " .. tree.path .. "/" .. name])
      end
      assert.equal(3, n)
      assert.matches(tree.path .. "/crash: worker %S+ %(pid %d+%) died of SIGKILL", err)
      assert.matches(tree.path .. "/mute: sha256sum ended with 3\n", err, 1, true)
      assert.matches(tree.path .. "/slow: worker %S+ %(pid %d+%) was killed", err)
      assert.equal(1, status)
      local file <close> = assert(io.open(pids))
      local pid = file:read "n"
      helper.eventually(function()
        local state = helper.proc_state(pid)
        return state == nil or state == "Z"
      end)
    end)

    it("begins while find still looks for files", function()
      local bin <close> = helper.tmpdir()
      local env = put_first(bin, "find", "printf 'first\\0'\n"
        .. "while [ ! -e " .. bin.path .. "/seen ]; do sleep 0.01; done\n"
        .. "printf 'second\\0'")
      put_first(bin, "sha256sum", "touch " .. bin.path .. "/seen; echo hash of $2")
      local out, _, status = run("check_tree", { "hash", "anywhere" }, env)
      assert.same({ ["hash of first"] = true, ["hash of second"] = true }, (lines_of(out)))
      assert.equal(0, status)
    end)

    it("shows its usage for what it does not understand", function()
      for _, args in ipairs { {}, { "lua" }, { "luac", "." }, { "--jobs", 0, "lua", "." },
        { "--jobs", "hash", "." }, { "--limit", -1, "lua", "." }, { "-x", 1, "lua", "." } } do
        local out, err, status = run("check_tree", args)
        assert.equal("", out)
        assert.matches("^usage: check_tree.lua", err)
        assert.equal(2, status)
      end
    end)
  end)

  describe("the word count on a pool under " .. interpreter, function()
    helper.guard()

    local function new_tree()
      local tree = helper.tmpdir()
      for i = 1, 20 do write(("%s/%d"):format(tree.path, i), ("Sun moon sun "):rep(i)) end
      write(tree.path .. "/binary", "sun\0")
      return tree
    end

    it("counts what a hung and a crashed worker began", function()
      local tree <close> = new_tree()
      local out, err, status = run("wordcount_pool",
        { "--demo", "--jobs", 2, "--limit", LIMIT, tree.path })
      local _, n = lines_of(err)
      assert.equal(2, n) -- and no bar: this is no terminal
      assert.matches("died of SIGKILL", err)
      assert.matches("was killed at the hard time limit", err)
      assert.matches("\nAll totals are the same.\n", out, 1, true)
      assert.matches("420  sun\n +210  moon\n2 different words\n", out)
      assert.matches("\n1 files are no text, 0 failed twice\n$", out)
      assert.equal(0, status)
    end)

    it("reports a file that fails again, and counts the rest", function()
      local tree <close> = new_tree()
      local out, err, status = run("wordcount_pool", { tree.path, "/proc/self/mem" })
      assert.equal(("/proc/self/mem: Input/output error\n"):rep(2), err)
      assert.matches("1 failed twice", out)
      assert.matches("420  sun\n", out)
      assert.equal(1, status)
    end)

    it("fails when the totals differ", function()
      local _, err, status = run("wordcount_pool",
        { "--demo", "--limit", LIMIT, "/proc/sys/kernel/random/uuid" })
      assert.matches("the totals DIFFER", err)
      assert.equal(1, status)
    end)

    it("draws a bar on a terminal", function()
      local tree <close> = new_tree()
      local command = ("%s scripts/examples/wordcount_pool.lua %s"):format(
        interpreter == "host" and helper.host or "lua5.4", tree.path)
      local out, _, status = helper.run(nil, { interpreter = "script",
        flags = { "-qec", command }, file = "/dev/null" })
      assert.matches("\r[" .. ("#"):rep(50) .. "]\r\27[K", out, 1, true)
      assert.matches("420  sun", out)
      assert.equal(0, status)
    end)

    it("shows its usage for what it does not understand", function()
      for _, args in ipairs { { "--jobs", 0 }, { "--jobs" }, { "--limit", "x" }, { "-x" } } do
        local out, err, status = run("wordcount_pool", args)
        assert.equal("", out)
        assert.matches("usage: wordcount_pool.lua", err)
        assert.equal(2, status)
      end
    end)
  end)

  describe("a pool in a loop of its user's under " .. interpreter, function()
    helper.guard()

    it("is polled once a frame", function()
      local out, err, status = run("pool_loop", {})
      assert.equal("", err)
      assert.matches("monster 3\tTimeLimitExceeded\n", out)
      local _, n = out:gsub("%d+ steps\n", "")
      local _, none = out:gsub("there is no way\n", "")
      assert.equal(3, n + none)
      assert.equal(0, status)
    end)

    for _, loop in ipairs { "luv", "cqueues" } do
      it("is watched by " .. loop, function()
        local out, err, status = run("pool_" .. loop, {})
        assert.equal("", err)
        assert.matches("1%s4%sWorkerLostError%sTimeLimitExceeded%s25", out)
        assert.equal(0, status)
      end)
    end
  end)
end
