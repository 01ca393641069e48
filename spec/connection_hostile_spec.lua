-- Connections whose other end belongs to somebody who means harm.

local billiard = require "billiard"
local helper = require "spec.helper"
local kit = require "spec.fixtures.faults.kit"
local pipes = require "spec.fixtures.pipes"

local both, child, finish, error_of = pipes.both, pipes.child, pipes.finish, pipes.error_of
local hostile = pipes.hostile
local LONG <const> = pipes.LONG

describe("messages that are no values", function()
  helper.guard()

  -- Sends these bytes as a message, and another behind it.
  local function refused(a, b, bytes)
    a:send_bytes(bytes)
    a:send "behind"
    local value, err, code = b:recv(LONG)
    assert.is_nil(value)
    assert.equal("string", type(err))
    assert.equal("behind", (b:recv(LONG)))
    return code, err
  end

  it("F07: cut anywhere, or with bytes behind, are refused and gone", function()
    both(function(a, b)
      local message = billiard.pack { 1, "two", { three = 3.0 }, ("x"):rep(300), shared = {} }
      for k = 0, #message - 1 do
        assert.equal("bad_frame", (refused(a, b, message:sub(1, k))))
      end
      assert.equal("bad_frame", (refused(a, b, message .. "\0")))
      a:send_bytes(message)
      assert.equal("two", b:recv(LONG)[2])
    end)
  end)

  it("F01: that claim more than they hold are refused before anything is made", function()
    both(function(a, b)
      collectgarbage()
      local before = collectgarbage "count"
      for _, claim in ipairs { "\xc6\x80\0\0\0", "\xc6\xff\xff\xff\xff", "\xdb\x7f\xff\xff\xff",
        "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xc9\xff\xff\xff\xff\5",
        "\x91\xdd\x80\0\0\0", "\xcf\x80\0\0\0\0\0\0\0" } do
        assert.equal("bad_frame", (refused(a, b, claim)))
      end
      assert.is_true(collectgarbage "count" - before < 1000)
    end)
  end)

  it("F01: of every size near the edges arrive whole", function()
    local sizes = { 0, 1, 2, 255, 256, 257, 65535, 65536, 65537, (1 << 20) + 1 }
    for k = 16384 - 40, 16384 + 40, 5 do sizes[#sizes + 1] = k end
    both(function(a, b)
      for _, n in ipairs(sizes) do
        local bytes = string.char(n % 256):rep(n)
        assert.is_true(a:send_bytes(bytes))
        assert.is_true(b:recv_bytes(LONG) == bytes, n)
        assert.is_true(a:send(bytes))
        assert.is_true(b:recv(LONG) == bytes, n)
      end
    end)
  end)

  it("are refused whatever single byte is wrong, and raise nothing", function()
    both(function(a, b)
      local mt = billiard.register { __name = "spec.Plain" }
      local t = setmetatable({ x = 1, "y", string.format }, mt)
      local message = billiard.pack { t, t }
      for k = 1, #message do
        for _, wrong in ipairs { 0, 0x7f, 0xc1, 0xc7, 0xff } do
          local bytes = message:sub(1, k - 1) .. string.char(wrong) .. message:sub(k + 1)
          a:send_bytes(bytes)
          b:recv(LONG) -- a value or not
        end
      end
      a:send "usable"
      assert.equal("usable", (b:recv(LONG)))
    end)
  end)

  it("name handles that did not come with them", function()
    both(function(a, b)
      local inside = "\xb3billiard.Connection\1\2\2"
      local code, err = refused(a, b, "\xc7" .. string.char(#inside) .. "\7" .. inside)
      assert.equal("bad_frame", code)
      assert.matches("descriptors that are not its own", err)
    end)
  end)

  it("F08: are not even sent: what cannot be packed raises with its path", function()
    both(function(a, b)
      local cases = {
        ["value[1]: userdata"] = { io.stdout },
        ["value.co: thread"] = { co = coroutine.create(print) },
        ["value.a.b[2]: userdata"] = { a = { b = { 1, io.stdin } } },
      }
      for path, value in pairs(cases) do assert.equal(path, error_of(a.send, a, value).path) end
      local deep = {}
      for _ = 1, 1100 do deep = { deep } end
      assert.matches("nested too deep", error_of(a.send, a, deep).path)
      local large = {}
      for i = 1, 100000 do large[i] = i end
      large[#large + 1] = io.stdout -- F10: the last of much
      assert.equal("unsendable", error_of(a.send, a, large).code)
      assert.is_false(b:poll())
    end)
  end)
end)

describe("packets that no sender of ours makes", function()
  helper.guard()

  it("F11: descriptors that nobody announced are closed", function()
    hostile({ "value", "extra", "value" }, function(c)
      assert.equal(7, (c:recv(LONG)))
      local before = helper.fds()
      local value, err, code = c:recv(LONG)
      assert.is_nil(value)
      assert.matches("^descriptors that no handle has", err)
      assert.equal("bad_frame", code)
      assert.equal(before, (helper.fds()))
      assert.equal(7, (c:recv(LONG)))
    end)
  end)

  it("F12: what is no end of a pipe is refused and closed", function()
    for _, kind in ipairs { "pipes", "nulls", "folder", "file", "sockets", "memory", "kind" } do
      hostile({ kind, "value" }, function(c)
        local before = helper.fds()
        local value, err, code = c:recv(LONG)
        assert.is_nil(value)
        assert.matches("Connection", err)
        assert.equal("bad_frame", code)
        assert.equal(before, (helper.fds()))
        assert.equal(7, (c:recv(LONG)))
      end)
    end
  end)

  it("a handle that lacks a descriptor is refused", function()
    hostile({ "missing", "value" }, function(c)
      assert.equal("bad_frame", select(3, c:recv(LONG)))
      assert.equal(7, (c:recv(LONG)))
    end)
  end)

  it("F05: end the connection: bad_frame once, then closed", function()
    for _, kind in ipairs { "magic", "short", "promised", "unsealed", "large", "device", "pipe" } do
      hostile({ "value", kind, "value" }, function(c)
        assert.equal(7, (c:recv(LONG)))
        local before = helper.fds()
        local value, err, code = c:recv(LONG)
        assert.is_nil(value)
        assert.matches("<Connection%(fd %d+%)>", err)
        assert.equal("bad_frame", code)
        assert.same({ nil, "closed", "closed" }, { c:recv(LONG) })
        assert.same({ nil, "closed", "closed" }, { c:send(1, LONG) })
        assert.is_true(c:poll(0))
        assert.equal(before, (helper.fds()))
      end)
    end
  end)
end)

describe("a child of another user", function()
  helper.guard()
  local faults = kit.faults()

  it("cannot make its parent load code, whatever it sends", function()
    package.preload["spec.trap"] = function() _G.spec_trapped = true return { f = print } end
    local c, p = child(function(connection)
      assert(faults.become(65534))
      local trap = "\xa9spec.trap"
      local f = billiard.pack(function() _G.spec_trapped = true end, "down")
      local function ext(kind, inside)
        return "\xc7" .. string.char(#inside) .. string.char(kind) .. inside
      end
      local frames = { f, "\x91" .. f, "\x81\xa1k" .. f, ext(2, trap), ext(2, trap .. "\xa1f"),
        ext(2, "\xa2_G\xa4load"), ext(2, "\xa7package\xa6loaded"), ext(4, "\1\1"),
        ext(5, "\xa8os.execute\xa2id"), ext(5, "\xaespec.Unheard-of\1"), ext(6, "\xa2_G\x80"),
        ext(7, "\xb3billiard.Connection\1\0\2"),
        ext(7, "\xbdbilliard.AuthenticationString\1\0\xa1k"),
        "\x1bLua" .. string.dump(function() _G.spec_trapped = true end):sub(5) }
      for _, frame in ipairs(frames) do connection:send_bytes(frame) end
      connection:send "done"
    end)
    local n = 0
    while true do
      local value, err, code = c:recv(LONG)
      if value == "done" then break end
      -- _G's own load is a function that this process has anyhow
      if value ~= load then
        assert.is_nil(value)
        assert.is_true(code == "bad_frame" or code == "load_failed", err)
      end
      n = n + 1
    end
    assert.equal(14, n)
    assert.is_nil(_G.spec_trapped)
    assert.is_nil(package.loaded["spec.trap"])
    package.preload["spec.trap"] = nil
    finish(c, p)
  end)
end)
