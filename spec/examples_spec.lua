-- What the word count says and returns when something is wrong.

local helper = require "spec.helper"

local function wordcount(...)
  return helper.run(nil, { file = "scripts/examples/wordcount.lua", args = { ... } })
end

describe("the word count", function()
  helper.guard()

  it("does the shares of a hung and a crashed worker again", function()
    local out, err, status = wordcount("--workers", "2", "scripts/billiard")
    assert.equal("", err)
    assert.equal(0, status)
    assert.matches("hung: ended by SIGINT", out)
    assert.matches("crashed: ended by SIGKILL", out)
    assert.matches("All totals equal those of one worker", out)
  end)

  it("fails when the totals differ", function()
    local out, err, status = wordcount "/proc/sys/kernel/random/uuid" -- never the same
    assert.equal(1, status)
    assert.matches("the totals DIFFER from those of one worker", err)
    assert.not_matches("All totals equal", out)
  end)

  it("refuses a directory that is missing", function()
    local out, err, status = wordcount "/no/such/directory"
    assert.equal("", out)
    assert.equal("wordcount: /no/such/directory: No such file or directory\n", err)
    assert.equal(1, status)
  end)

  it("shows its usage for what it does not understand", function()
    for _, args in ipairs { { "--workers", "0" }, { "--workers" }, { "-x" } } do
      local _, err, status = wordcount(table.unpack(args))
      assert.matches("usage: wordcount.lua", err)
      assert.equal(2, status)
    end
  end)

  it("leaves out binary files", function()
    local dir = helper.tmpname()
    os.remove(dir)
    assert(os.execute("mkdir " .. dir .. " && printf 'a b a' > " .. dir ..
      "/text && printf 'c\\0d' > " .. dir .. "/junk && ln -s text " .. dir .. "/link"))
    local out, err, status = wordcount(dir)
    os.execute("rm -r " .. dir)
    assert.equal("", err)
    assert.equal(0, status)
    assert.matches("Left out as binary: 1 files", out)
    assert.matches("equal those of one worker: 2 different words", out)
    assert.matches("2  a ", out)
  end)
end)

describe("the examples of topologies", function()
  helper.guard()

  -- A folder with so many files, one of them below another folder.
  local function tree(n)
    local dir = helper.tmpdir()
    assert(os.execute("mkdir '" .. dir.path .. "/below'"))
    for i = 1, n do
      local file <close> = assert(io.open(
        ("%s/%s%d"):format(dir.path, i == 1 and "below/" or "", i), "w"))
      file:write((("line %d\nneedle\n"):format(i):rep(i)))
    end
    return dir
  end

  local function example(name, ...)
    local out, err, status = helper.run(nil, { file = "scripts/examples/" .. name .. ".lua",
      args = { ... } })
    assert.equal("", err)
    assert.equal(0, status)
    return out
  end

  it("archive all files but the one that a worker died with", function()
    local dir <close> = tree(9)
    assert.equal("8 of 9 files archived and compared, one lost in the crash\n",
      example("pipeline", dir.path))
  end)

  it("find what is there, in order", function()
    local dir <close> = tree(4)
    local out = example("fanout", "needle", dir.path)
    assert.matches(dir.path .. "/2:2:needle\n", out, 1, true)
    assert.matches('10 lines with "needle"', out)
  end)

  it("write by turns, also when the token is lost", function()
    local dir <close> = tree(10)
    assert.equal("10 of 10 checksums written by turns, all of them right\n",
      example("ring", dir.path))
  end)

  it("measure a folder", function()
    local dir <close> = tree(3)
    assert.equal(("%d bytes in %s, measured by 4 leaves\n"):format((7 + 7) * 6, dir.path),
      example("tree", dir.path))
  end)

  it("lose no request while every worker is replaced", function()
    assert.matches("^%d+ workers replaced, 1000 of 1000 requests answered\n$", example "prefork")
  end)
end)
