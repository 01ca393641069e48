-- AuthenticationString: bytes that are compared and handed on, never shown.
-- Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"

local AuthenticationString = billiard.AuthenticationString
local KEY <const> = "a key of twenty byte"

local function write_file(text, mode)
  local name = helper.tmpname()
  local file <close> = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
  assert(os.execute("chmod " .. mode .. " " .. helper.quote(name)))
  return name
end

describe("billiard.AuthenticationString", function()
  helper.guard()

  it("has a length, and shows at most 8 bytes", function()
    local key = AuthenticationString(KEY)
    assert.equal(20, #key)
    for _, range in ipairs { { 1, 8 }, { 13, 20 }, { -8 }, { -8, -1 }, { 3, 4 }, { 5, 1 },
      { 15, 100 }, { 0, 2 } } do
      assert.equal(KEY:sub(table.unpack(range)), key:sub(table.unpack(range)))
    end
    assert.has_error(function() return key:sub(1, 9) end)
    assert.has_error(function() return key:sub(1) end)
  end)

  it("is equal to its like, and compared with strings by equals", function()
    local key = AuthenticationString(KEY)
    assert.is_true(key == AuthenticationString(KEY))
    assert.is_false(key == AuthenticationString(KEY .. "!"))
    assert.is_false(key == AuthenticationString(KEY:sub(1, -2) .. "!"))
    assert.is_true(key:equals(KEY))
    assert.is_false(key:equals(KEY:sub(1, -2)))
    assert.is_false(key:equals "")
    assert.is_false(key == KEY)
  end)

  it("takes any bytes", function()
    local bytes = "\0\1\255\n"
    assert.is_true(AuthenticationString(bytes):equals(bytes))
    assert.equal(bytes, AuthenticationString(bytes):sub(1, 4))
  end)

  it("shows a fingerprint only, the same for the same bytes", function()
    local text = tostring(AuthenticationString(KEY))
    assert.matches("^<AuthenticationString%(20 bytes, fingerprint %x+%)>$", text)
    assert.equal(text, tostring(AuthenticationString(KEY)))
    assert.not_equal(text, tostring(AuthenticationString("b" .. KEY:sub(2))))
    assert.is_nil(text:find("a key", 1, true))
  end)

  it("can be random", function()
    assert.equal(32, #AuthenticationString.random())
    assert.equal(7, #AuthenticationString.random(7))
    assert.is_false(AuthenticationString.random(16) == AuthenticationString.random(16))
  end)

  it("can be read from a file that nobody else reads", function()
    local key = AuthenticationString.read(write_file(KEY, "600"))
    assert.is_true(key:equals(KEY))
    local name = write_file(KEY, "644")
    local none, message, code = AuthenticationString.read(name)
    assert.same({ nil, "EPERM" }, { none, code })
    assert.matches(name, message, 1, true)
    none, message, code = AuthenticationString.read "/no/such/key"
    assert.same({ nil, "ENOENT" }, { none, code })
    assert.matches("/no/such/key", message, 1, true)
    assert.equal("EINVAL", (select(3, AuthenticationString.read(write_file("", "600")))))
  end)

  it("cannot be taken apart", function()
    local key = AuthenticationString(KEY)
    assert.has_error(function() key.bytes = "x" end)
    assert.is_nil(key.bytes)
    assert.is_not_table(getmetatable(key))
    assert.has_error(function() return key .. "x" end)
    assert.has_error(function() string.format("%d", key) end)
    assert.is_nil(string.format("%s", key):find("a key", 1, true))
  end)

  it("reaches a child as an argument and as its authkey", function()
    local key = AuthenticationString(KEY)
    assert.equal("true true", (child.run { args = { key }, authkey = key,
      target = function(k)
        io.write(tostring(k:equals(KEY)), " ",
          tostring(billiard.current_process().authkey == k))
      end }))
  end)

  it("is not in the command line or the environment of a child", function()
    local p <close> = child.sleeper { authkey = KEY, command = { "sleep", "3600" } }
    for _, name in ipairs { "cmdline", "environ" } do
      local file <close> = assert(io.open(("/proc/%d/%s"):format(p.pid, name)))
      assert.is_nil(file:read "a":find(KEY, 1, true))
    end
    p:kill()
    p:join()
  end)

  it("cannot be packed", function()
    local key = AuthenticationString(KEY)
    for _, profile in ipairs { "down", "up", "plain" } do
      local ok, err = pcall(billiard.pack, { { key } }, profile)
      assert.is_false(ok)
      assert.equal("unsendable", err.code)
      assert.matches("^value%[1%]%[1%]: an AuthenticationString, which only a starting child",
        err.path)
    end
  end)

  it("cannot be made by what others send", function()
    local inside = "\xbdbilliard.AuthenticationString\1\0\xc4\3abc"
    local message = "\xc7" .. string.char(#inside) .. "\7" .. inside
    local value, err, code = billiard.unpack(message, "up")
    assert.is_nil(value)
    assert.equal("bad_frame", code)
    assert.matches("a handle of type", err)
    assert.equal(3, #billiard.unpack(message, "down"))
  end)
end)
