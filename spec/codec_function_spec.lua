-- Functions and objects of registered types: values that are more than data.

local helper = require "spec.helper"
local billiard = require "billiard"

local pack, unpack = billiard.pack, billiard.unpack

local function round(value, profile)
  return unpack(pack(value, profile), profile)
end

local function error_of(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return err
end

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
    assert.matches("codec_function_spec.lua:%d+: here", message)
  end)

  it("U06: go by name where a loaded module holds them", function()
    local list = { string.format, print, string, coroutine.wrap, billiard.now, helper,
      helper.quote }
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

  it("are all that a name can reach in a module", function()
    local message = pack(string.format)
    for module, field in pairs { package = "loaded", io = "stdout", math = "huge" } do
      local crafted = "\xc9" .. string.pack(">I4", #module + #field + 2) .. "\2"
        .. pack(module) .. pack(field)
      local value, err, code = unpack(crafted)
      assert.is_nil(value)
      assert.equal(("module '%s' has no function '%s'"):format(module, field), err)
      assert.equal("load_failed", code)
    end
    assert.equal(string.format, unpack(message))
  end)

  it("say why they stay, and what carries them", function()
    local up = error_of(pack, { f = function() end })
    assert.equal("value.f: function", up.path)
    assert.matches("cannot send value.f: function (only data goes up: ", up.message, 1, true)
    assert.matches("Pipe{ functions = true }", up.message, 1, true)
    local plain = error_of(pack, print, "plain")
    assert.matches("cannot send value: function (strangers get plain data)", plain.message, 1, true)
    for name, message in pairs { module = pack(string), ["function"] = pack(string.format) } do
      local value, err = unpack(message, "plain")
      assert.is_nil(value, name)
      assert.matches("^a module or function by its name, where only plain data is accepted", err)
    end
  end)

  it("U08: never come as bytecode from below or from strangers", function()
    local message = pack(function() return 1 end, "down")
    for _, profile in ipairs { "up", "plain" } do
      local value, err, code = unpack(message, profile)
      assert.is_nil(value)
      assert.matches("^a function, where only data is accepted %(byte %d+%)$", err)
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
    __unpack = function(value) return { inside = value[1], made = true } end,
  }

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
    assert.is_true(got[1].made)
    assert.equal(got[1], got[2])
    assert.is_nil(got[1].hidden)
  end)

  it("lets a __pack call pack", function()
    local nested = billiard.register { __name = "spec.Nested",
      __pack = function(o) return pack(o[1]) end, __unpack = function(s) return { unpack(s) } end }
    assert.same({ 1, { { 2 } } }, (round { 1, setmetatable({ { 2 } }, nested) }))
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
    assert.equal("\1", pack(1))
    local value, err, code = round(setmetatable({ 1 }, mt))
    assert.is_nil(value)
    assert.equal("u", err)
    assert.equal("bad_frame", code)
  end)

  it("sends other metatables' tables as plain data", function()
    local got = round(setmetatable({ 1 }, { __index = { x = 1 }, __name = "other" }))
    assert.is_nil(getmetatable(got))
    assert.same({ 1 }, got)
  end)

  it("refuses types that are not registered with the receiver", function()
    local message = pack(setmetatable({}, Point)):gsub("spec.Point", "spec.Nobdy")
    local value, err, code = unpack(message)
    assert.is_nil(value)
    assert.equal("no type named 'spec.Nobdy' is registered here", err)
    assert.equal("bad_frame", code)
  end)

  it("keeps objects from strangers", function()
    assert.matches("strangers", error_of(pack, setmetatable({}, Point), "plain").path)
    local message = pack(setmetatable({}, Point))
    local value, err, code = unpack(message, "plain")
    assert.is_nil(value)
    assert.matches("^an object, where only plain data is accepted", err)
    assert.equal("bad_frame", code)
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
