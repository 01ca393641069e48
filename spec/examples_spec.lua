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
