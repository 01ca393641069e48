-- Values to bytes and back.

local helper = require "spec.helper"
local billiard = require "billiard"

local pack, unpack = billiard.pack, billiard.unpack

local function round(value, profile)
  return unpack(pack(value, profile), profile)
end

local function bytes(hex)
  return (hex:gsub("%s", ""):gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
end

-- Same value, same type, floats to the bit.
local function same(a, b)
  if math.type(a) ~= math.type(b) then return false end
  if math.type(a) == "float" then return string.pack("n", a) == string.pack("n", b) end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

local function error_of(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return err
end

local SCALARS <const> = {
  true, false, "", "x", ("x"):rep(31), ("x"):rep(32), ("x"):rep(255), ("x"):rep(256),
  ("x"):rep(65535), ("x"):rep(65536), "\0", "\xff\xfe", ("\x80"):rep(40), "gr\u{fc}n", "\u{10ffff}",
  0, 1, 127, 128, 255, 256, 65535, 65536, 0xffffffff, 0x100000000, math.maxinteger,
  -1, -32, -33, -128, -129, -32768, -32769, -0x80000000, -0x80000001, math.mininteger,
  0.0, -0.0, 3.0, 0.1, 1e300, 5e-324, math.huge, -math.huge, 2.0 ^ 63,
}

describe("billiard.pack", function()
  helper.guard()

  it("keeps every scalar, integers and floats apart, in every profile", function()
    for _, profile in ipairs { "down", "up", "plain" } do
      for _, value in ipairs(SCALARS) do
        assert.is_true(same(value, round(value, profile)), tostring(value):sub(1, 40))
        assert.is_true(same({ value }, round({ value }, profile)))
        assert.is_true(same({ [value] = value }, round({ [value] = value }, profile)))
      end
      local nan = round(0 / 0, profile)
      assert.is_true(nan ~= nan)
      assert.equal(1, select("#", round(nil, profile)))
      assert.is_nil((round(nil, profile)))
    end
  end)

  it("writes what the format says", function()
    local expected = {
      [1] = "01", [-1] = "ff", [200] = "ccc8", [-200] = "d1ff38", [2.5] = "cb4004000000000000",
      a = "a161", ["\xff"] = "c401ff",
    }
    for value, hex in pairs(expected) do assert.equal(bytes(hex), pack(value)) end
    assert.equal(bytes "c0", pack(nil))
    assert.equal(bytes "cb4008000000000000", pack(3.0))
    assert.equal(bytes "c3", pack(true))
    assert.equal(bytes "90", pack {})
    assert.equal(bytes "93010203", pack { 1, 2, 3 })
    assert.equal(bytes "81a16101", pack { a = 1 })
    assert.equal(bytes "820101a16e01", pack { 1, n = 1 })
  end)

  it("writes tables that are arrays as arrays, whatever made them", function()
    local backwards = {}
    for i = 20, 1, -1 do backwards[i] = i end
    assert.equal(0xdc, pack(backwards):byte())
    assert.is_true(same(backwards, round(backwards)))
    local holes = table.pack(1, nil, 3)
    assert.is_true(same(holes, round(holes)))
    assert.is_true(same({ [0] = 0, 1 }, round { [0] = 0, 1 }))
    assert.is_true(same({ [2] = 2 }, round { [2] = 2 }))
    assert.is_true(same({ 1, 2, [math.maxinteger] = 3 }, round { 1, 2, [math.maxinteger] = 3 }))
  end)

  it("crosses the sizes at which headers change", function()
    for _, n in ipairs { 15, 16, 17, 65535, 65536, 65537 } do
      local list, map = {}, {}
      for i = 1, n do list[i], map["k" .. i] = i, i end
      assert.is_true(same(list, round(list)))
      assert.is_true(same(map, round { map, 1 }[1]))
    end
  end)

  it("keeps shared and cyclic tables, as values and as keys", function()
    local shared, cyclic = { 1 }, {}
    cyclic.self, cyclic[cyclic] = cyclic, shared
    local got = round { shared, shared, cyclic, { shared } }
    assert.equal(got[1], got[2])
    assert.equal(got[1], got[4][1])
    assert.equal(got[3], got[3].self)
    assert.equal(got[1], got[3][got[3]])
    assert.is_true(same({ 1 }, got[1]))
  end)

  it("copies what is shared for strangers, who know no references", function()
    local shared = { 1 }
    local got = round({ shared, shared }, "plain")
    assert.is_true(same({ { 1 }, { 1 } }, got))
    assert.are_not.equal(got[1], got[2])
    local cyclic = {}
    cyclic[1] = cyclic
    assert.matches("cycle$", error_of(pack, cyclic, "plain").path)
  end)

  it("keeps random values, whatever their shape", function()
    local seed = tonumber(os.getenv "BILLIARD_SEED") or os.time()
    math.randomseed(seed)
    local pool
    local function value(depth)
      if depth > 4 or math.random() < 0.5 then return SCALARS[math.random(#SCALARS)] end
      if math.random() < 0.2 and #pool > 0 then return pool[math.random(#pool)] end
      local t = {}
      for i = 1, math.random(0, 20) do
        local v = value(depth + 1)
        if math.random() < 0.5 then t[i] = v else t[SCALARS[math.random(#SCALARS)]] = v end
      end
      pool[#pool + 1] = t
      return t
    end
    for i = 1, 200 do
      pool = {}
      local v = value(1)
      assert.is_true(same(v, (round(v))), ("BILLIARD_SEED=%d, value %d"):format(seed, i))
      assert.is_true(same(v, (round(v, "plain"))), ("BILLIARD_SEED=%d, value %d"):format(seed, i))
    end
  end)

  it("raises misuse at the caller", function()
    assert.matches("value expected", error_of(pack))
    assert.matches("invalid option 'sideways'", error_of(pack, 1, "sideways"))
    assert.matches("string expected", error_of(unpack))
    assert.matches("string expected", error_of(unpack, 17))
  end)
end)

describe("what cannot travel", function()
  helper.guard()

  it("F08: raises in the sender, naming the path to it", function()
    local thread = coroutine.create(print)
    local cases = {
      { { args = { 1, { socket = io.stdout } } }, "value.args[2].socket: userdata" },
      { thread, "value: thread" },
      { { [thread] = 1 }, "value[thread]: thread" },
      { { ["two words"] = { [7.5] = thread } }, 'value["two words"][number]: thread' },
      { { { function() return thread end } }, "value[1][1]<upvalue thread>: thread", "down" },
      { { function() end }, "value[1]: function" },
      { { string.gmatch("x", "x") }, "value[1]: C function that no loaded module holds", "down" },
      { { print }, "value[1]: function", "plain" },
    }
    for _, case in ipairs(cases) do
      local err = error_of(pack, case[1], case[3])
      assert.equal("unsendable", err.code)
      assert.equal(case[2], err.path)
      assert.matches("cannot send " .. case[2], tostring(err), 1, true)
    end
  end)

  it("says where the caller stands", function()
    local err = error_of(function() pack(io.stdout) end)
    assert.matches("^%S*codec_spec.lua:%d+: cannot send value: userdata$", err.message)
  end)

  it("F10: leaves nothing behind in the buffer", function()
    for _ = 1, 3 do
      error_of(pack, { ("x"):rep(100), io.stdout })
      assert.equal(bytes "01", pack(1))
    end
  end)

  it("keeps a path short that is long", function()
    local deep = io.stdout
    for _ = 1, 500 do deep = { name = deep } end
    local path = error_of(pack, deep).path
    assert.is_true(#path < 300)
    assert.matches("^value%.%.%.%.name.*%.name: userdata$", path)
  end)

  it("refuses depth beyond the limit, in the sender too", function()
    for profile, depth in pairs { down = 1000, up = 1000, plain = 100 } do
      local nested = {}
      for _ = 2, depth do nested = { nested } end
      assert.is_table(round(nested, profile))
      assert.matches("nested too deep", error_of(pack, { nested }, profile).path)
    end
  end)

  it("counts references and names as a level on both sides", function()
    local root = {}
    local leaf = root
    for _ = 2, 999 do leaf[1] = {} leaf = leaf[1] end
    leaf[1], leaf[2] = root, string
    local got = assert(round(root))
    for _ = 2, 999 do got = got[1] end
    assert.equal(string, got[2])
  end)
end)

describe("functions", function()
  helper.guard()

  it("take their upvalues along, and share what they shared", function()
    local n = 0
    local function add() n = n + 1 return n end
    local function get() return n end
    local got = assert(round({ add, get, add }, "down"))
    assert.equal(1, got[1]())
    assert.equal(2, got[1]())
    assert.equal(2, got[2]())
    assert.equal(got[1], got[3])
    assert.equal(0, n)
  end)

  it("may call themselves and each other", function()
    local odd
    local function even(k) return k == 0 or odd(k - 1) end
    function odd(k) return k ~= 0 and even(k - 1) end
    local function factorial(k) return k < 2 and 1 or k * factorial(k - 1) end
    local got = assert(round({ even, factorial }, "down"))
    assert.is_true(got[1](10))
    assert.is_false(got[1](7))
    assert.equal(120, got[2](5))
  end)

  it("get the receiver's globals as _ENV", function()
    local function environment() return _ENV end
    assert.equal(_G, round(environment, "down")())
    assert.equal(_G, round({ _G }, "down")[1])
  end)

  it("sit in tables that hold them", function()
    local object = { n = 7 }
    function object.get() return object.n end
    function object:method() return self.n + 1 end
    local got = assert(round(object, "down"))
    got.n = 9
    assert.equal(9, got.get())
    assert.equal(10, got:method())
  end)

  it("keep their debug data", function()
    local function fails() error "here" end
    local ok, message = pcall(round(fails, "down"))
    assert.is_false(ok)
    assert.matches("codec_spec.lua:%d+: here", message)
  end)

  it("U06: go by name where a loaded module holds them", function()
    local list = { string.format, print, string, coroutine.wrap, billiard.sleep, helper, helper.quote }
    for _, profile in ipairs { "down", "up" } do
      local got = assert(round(list, profile))
      for i, f in ipairs(list) do assert.equal(f, got[i]) end
    end
    local upvalue = string
    local f = round(function() return upvalue end, "down")
    assert.equal(string, f())
  end)

  it("are found in modules that were loaded, or grew, after the first", function()
    local late = { f = string.gmatch("x", "x"), data = 1 }
    package.loaded["spec.late"] = late
    local got = assert(round { { late, late.f } })
    assert.equal(late, got[1][1])
    assert.equal(late.f, got[1][2])
    late.g = string.gmatch("x", "x")
    assert.equal(late.g, round { late.g }[1])
    package.loaded["spec.late"] = nil
    assert.equal("unsendable", error_of(pack, late).code)
  end)

  it("load a module downward that is not there yet, upward only look", function()
    package.preload["spec.named"] = function() return { f = function() return 17 end } end
    local f = require("spec.named").f
    local message = pack(f)
    package.loaded["spec.named"] = nil
    local value, err, code = unpack(message, "up")
    assert.is_nil(value)
    assert.equal("module 'spec.named' is not loaded here", err)
    assert.equal("load_failed", code)
    assert.equal(17, unpack(message, "down")())
    package.loaded["spec.named"], package.preload["spec.named"] = nil, nil
    value, err, code = unpack(message, "down")
    assert.is_nil(value)
    assert.matches("module 'spec.named' not found", err)
    assert.equal("load_failed", code)
  end)

  it("U08: never come as bytecode from below or from strangers", function()
    local message = pack(function() return 1 end, "down")
    for _, profile in ipairs { "up", "plain" } do
      local value, err, code = unpack(message, profile)
      assert.is_nil(value)
      assert.matches("not allowed here", err)
      assert.equal("bad_frame", code)
    end
  end)
end)

describe("billiard.register", function()
  helper.guard()

  local Point = billiard.register { __name = "spec.Point" }
  local Box = billiard.register {
    __name = "spec.Box",
    __pack = function(box) return { box.inside } end,
    __unpack = function(value) return setmetatable({ inside = value[1] }, package.loaded.spec_box) end,
  }
  package.loaded.spec_box = Box

  it("gives tables their metatable back", function()
    local p = setmetatable({ x = 1 }, Point)
    p.self = p
    local got = assert(round { p, p })
    assert.equal(Point, getmetatable(got[1]))
    assert.equal(got[1], got[2])
    assert.equal(got[1], got[1].self)
  end)

  it("packs and unpacks by the type's own functions, once per object", function()
    local box = setmetatable({ inside = 7, hidden = io.stdout }, Box)
    local got = assert(round { box, box })
    assert.equal(7, got[1].inside)
    assert.equal(Box, getmetatable(got[1]))
    assert.equal(got[1], got[2])
    assert.is_nil(got[1].hidden)
  end)

  it("lets a __pack call pack", function()
    local nested = billiard.register { __name = "spec.Nested",
      __pack = function(o) return pack(o[1]) end, __unpack = function(s) return { unpack(s) } end }
    assert.is_true(same({ 1, { { 2 } } }, round { 1, setmetatable({ { 2 } }, nested) }))
  end)

  it("refuses an object that contains itself through __pack", function()
    local box = setmetatable({}, Box)
    box.inside = { box }
    assert.equal("value[1][1]: a cycle through its own __pack", error_of(pack, box).path)
  end)

  it("passes on what __pack raises, and refuses what __unpack raises", function()
    local mt = { __name = "spec.Raises", __pack = function(o) return o[1] or error("p", 0) end,
      __unpack = function() error("u", 0) end }
    billiard.register(mt)
    assert.equal("p", error_of(pack, setmetatable({}, mt)))
    assert.equal(bytes "01", pack(1))
    local value, err, code = round(setmetatable({ 1 }, mt))
    assert.is_nil(value)
    assert.equal("u", err)
    assert.equal("bad_frame", code)
  end)

  it("sends other metatables' tables as plain data", function()
    local got = round(setmetatable({ 1 }, { __index = { x = 1 }, __name = "other" }))
    assert.is_nil(getmetatable(got))
    assert.is_true(same({ 1 }, got))
  end)

  it("refuses types that are not registered with the receiver", function()
    local value, err, code = unpack((pack(setmetatable({}, Point)):gsub("spec.Point", "spec.Nobdy")))
    assert.is_nil(value)
    assert.equal("no type named 'spec.Nobdy' is registered here", err)
    assert.equal("bad_frame", code)
  end)

  it("keeps objects from strangers", function()
    assert.matches("strangers", error_of(pack, setmetatable({}, Point), "plain").path)
    local message = pack(setmetatable({}, Point))
    assert.equal("bad_frame", select(3, unpack(message, "plain")))
  end)

  it("carries a billiard.Error", function()
    local err = error_of(pack, io.stdout)
    local got = assert(round { err })[1]
    assert.equal(getmetatable(err), getmetatable(got))
    assert.equal("unsendable", got.code)
    assert.equal(tostring(err), tostring(got))
  end)

  it("raises misuse", function()
    assert.matches("table expected", error_of(billiard.register, 1))
    assert.matches("needs a __name", error_of(billiard.register, {}))
    assert.matches("another type named 'spec.Point'", error_of(billiard.register,
      { __name = "spec.Point" }))
    assert.matches("come together", error_of(billiard.register,
      { __name = "spec.Half", __pack = print }))
    assert.matches("__gc needs", error_of(billiard.register, { __name = "spec.Gc", __gc = print }))
    assert.equal(Point, billiard.register(Point))
  end)
end)

describe("bad messages", function()
  helper.guard()

  local function refused(message, profile, code)
    local before = collectgarbage "count"
    local value, err, got = unpack(message, profile)
    assert.is_nil(value)
    assert.is_string(err)
    assert.equal(code or "bad_frame", got)
    assert.is_true(collectgarbage "count" - before < 64, "memory for a claim")
  end

  it("F07: are refused, cut short at every byte or with one too many", function()
    local function f() return SCALARS end
    local whole = pack({ 1, "two", { three = 3.0 }, f, { f, print } }, "down")
    assert.is_table(unpack(whole, "down"))
    for n = 0, #whole - 1 do
      assert.equal("bad_frame", select(3, unpack(whole:sub(1, n), "down")))
    end
    refused(pack(1) .. "\xc0")
  end)

  it("F07: are refused for what they claim, without memory for it", function()
    for _, hex in ipairs {
      "dbffffffff", "c6ffffffff00", "ddffffffff", "dfffffffff0102", "dd7fffffff", "c9ffffffff01",
      "dcffff" .. ("91"):rep(50), "a5616263", "d9ff61", "c1", "cfffffffffffffffff",
      "81c001", "81cb7ff800000000000001", "d4ff00", "d47f00",
    } do
      for _, profile in ipairs { "down", "up", "plain" } do refused(bytes(hex), profile) end
    end
  end)

  it("F07: are refused where an extension is not what it must be", function()
    for _, hex in ipairs {
      "d40101", "91d40100", "91d40102", "91d401c0", "91d50101c0", "91d401ff", "d40200", "c70002",
      "d502a05f", "d40401", "c70403a0c0c0c0", "d50500c0", "c70305a161c0", "c70306a16190",
      "c70306a161c0", "c70206a161", "c70405a161c0c0", "c70003",
    } do
      refused(bytes(hex), "down")
    end
    refused(bytes "d502a0a0", "down", "load_failed")
  end)

  it("F08: are refused with a key that comes twice, from strangers", function()
    refused(bytes "820101" .. bytes "0102", "plain")
    refused(bytes "820101" .. bytes "cb3ff000000000000002", "plain")
  end)

  it("are read in longer forms than needed, which MessagePack allows", function()
    for hex, value in pairs { ["d30000000000000001"] = 1, ["cf0000000000000001"] = 1,
      ["db0000000161"] = "a", ["ca3f800000"] = 1.0 } do
      assert.is_true(same(value, unpack(bytes(hex), "plain")))
    end
    assert.is_true(same({ a = 1 }, unpack(bytes "df00000001a16101", "plain")))
    assert.is_true(same({ 1 }, unpack(bytes "dd0000000101", "plain")))
  end)

  it("are refused beyond a depth, a number of values and of keys", function()
    refused(("\x91"):rep(101) .. "\xc0", "plain", "too_deep")
    refused(("\x91"):rep(1001) .. "\xc0", "down", "too_deep")
    refused(("\x91"):rep(1e6) .. "\xc0", "down", "too_deep")
    assert.is_table(unpack("\xdd\x00\x0f\x42\x3f" .. ("\xc0"):rep(999999), "plain"))
    refused("\xdd\x00\x0f\x42\x40" .. ("\xc0"):rep(1000000), "plain", "too_big")
    refused("\xdf\x00\x01\x00\x01" .. ("\x01\x01"):rep(65537), "plain", "too_big")
  end)

  it("F01: are refused beyond a length, from strangers", function()
    local most = 64 << 20
    local text = "\xdb" .. string.pack(">I4", most - 5) .. ("x"):rep(most - 5)
    assert.equal(most - 5, #unpack(text, "plain"))
    refused(text .. "x", "plain", "too_big")
    assert.equal("bad_frame", select(3, unpack("", "plain")))
  end)

  it("never crash, however bytes are changed", function()
    local seed = tonumber(os.getenv "BILLIARD_SEED") or os.time()
    math.randomseed(seed)
    local shared = { 1 }
    local whole = pack { shared, shared, string.format, { a = { b = ("x"):rep(40) } }, 1.5, -77 }
    for i = 1, 20000 // helper.scale do
      local at = math.random(#whole)
      local message = whole:sub(1, at - 1) .. string.char(math.random(0, 255)) .. whole:sub(at + 1)
      local value, err, code = unpack(message, i % 2 == 0 and "up" or "plain")
      if value == nil and code then
        assert.is_string(err, "BILLIARD_SEED=" .. seed)
        assert.is_true(code == "bad_frame" or code == "too_big" or code == "load_failed")
      end
    end
  end)
end)

describe("another MessagePack", function()
  helper.guard()

  local function peer(mode, input)
    local result = assert(billiard.run { "/usr/bin/python3", "spec/fixtures/codec/peer.py", mode,
      input = input, timeout = 30 * helper.scale })
    assert.equal("", result.stderr)
    return result.stdout
  end

  local data = { n = -1, list = { 1, 2.5, "x", true, { deep = {} } }, text = "gr\u{fc}n",
    raw = "\xff\x00", [7] = 1 << 40, [-7] = math.mininteger, big = ("y"):rep(70000) }

  it("reads what we write", function()
    assert.equal("[1, -1, 2.0, 'gr\u{fc}n', b'\\xff', True, {'a': [], 3: 4294967296}]",
      peer("show", pack({ 1, -1, 2.0, "gr\u{fc}n", "\xff", true, { a = {}, [3] = 1 << 32 } }, "plain")
        :gsub("^(.*\x82)(\x03\xcf........)(\xa1a\x90)$", "%1%3%2")))
  end)

  it("writes what we read", function()
    assert.is_true(same({ 1, -300, 2.0, "x", "\xfe", { a = { 1 } }, false },
      unpack(peer("make", "[1, -300, 2.0, 'x', b'\\xfe', {'a': [1]}, False]"), "plain")))
  end)

  it("hands back the same", function()
    for _, profile in ipairs { "up", "plain" } do
      assert.is_true(same(data, unpack(peer("echo", pack(data, profile)), profile)))
    end
  end)
end)
