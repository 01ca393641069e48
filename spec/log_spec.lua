-- The logger: silent until asked, one line a message, kept by children.
-- Run once per start method.

local billiard = require "billiard"
local helper = require "spec.helper"

-- What a script of its own writes to stderr, where children write to as well.
local function logged(text)
  local _, err, code = helper.run("local billiard = require 'billiard'\n"
    .. "local log = billiard.get_logger()\n" .. text, { timeout = 20 })
  assert.equal(0, code)
  return err
end

local all = [[
for _, name in ipairs { "subdebug", "debug", "info", "subwarning", "warning", "error" } do
  log[name](log, name)
end]]

local lines = { "[SUBDEBUG/MainProcess] subdebug", "[DEBUG/MainProcess] debug",
  "[INFO/MainProcess] info", "[SUBWARNING/MainProcess] subwarning",
  "[WARNING/MainProcess] warning", "[ERROR/MainProcess] error" }

local function text_from(n) return table.concat(lines, "\n", n) .. "\n" end

describe("billiard.get_logger", function()
  helper.guard()

  it("has levels between those people know", function()
    assert.same({ 5, 10, 20, 25, 30, 40 }, { billiard.SUBDEBUG, billiard.DEBUG,
      billiard.INFO, billiard.SUBWARNING, billiard.WARNING, billiard.ERROR })
  end)

  it("returns one logger, which is silent until asked", function()
    assert.equal(billiard.get_logger(), billiard.get_logger())
    assert.equal("", logged(all))
  end)

  it("writes everything after log_to_stderr", function()
    assert.equal(text_from(1), logged("billiard.log_to_stderr()\n" .. all))
  end)

  it("writes what has at least the level", function()
    for n, level in ipairs { "SUBDEBUG", "DEBUG", "INFO", "SUBWARNING", "WARNING", "ERROR" } do
      assert.equal(text_from(n), logged(("billiard.log_to_stderr(billiard.%s)\n"):format(level)
        .. all))
    end
    assert.equal(text_from(5), logged("billiard.log_to_stderr():setLevel(26)\n" .. all))
    assert.equal("", logged("billiard.log_to_stderr(41)\n" .. all))
  end)

  it("formats, where there is something to format", function()
    assert.equal("[INFO/MainProcess] 100%\n[INFO/MainProcess] 3 of a\n", logged [[
      billiard.log_to_stderr()
      log:info "100%"
      log:info("%d of %s", 3, "a")]])
  end)

  it("keeps a message on one line, and its bytes harmless", function()
    assert.equal([[[INFO/MainProcess] a\x0a[ERROR/x] b\x1b[31m\x00\x7f]] .. "\n", logged [[
      billiard.log_to_stderr()
      log:info "a\n[ERROR/x] b\27[31m\0\127"]])
    assert.equal("[INFO/a\\x0ab] x\n", logged [[
      billiard.log_to_stderr()
      billiard.current_process().name = "a\nb"
      log:info "x"]])
  end)

  it("goes on in children, at the level and under their names", function()
    assert.equal("[WARNING/MainProcess] here\n[WARNING/p] there\n[WARNING/q] deep\n", logged [[
      billiard.log_to_stderr(billiard.WARNING)
      log:warning "here"
      local p = billiard.Process { name = "p", target = function()
        local log = billiard.get_logger()
        log:info "unheard"
        log:warning "there"
        billiard.Process { name = "q", target = function() log:warning "deep" end }
          :start():join()
      end }
      p:start():join()]])
  end)

  it("is not changed by what a child asks for", function()
    assert.equal("[INFO/p] child\n", logged [[
      local p = billiard.Process { name = "p", target = function()
        billiard.log_to_stderr()
        log:info "child"
      end }
      p:start():join()
      log:info "parent"]])
  end)
end)

describe("billiard.set_logger", function()
  helper.guard()

  local function foreign()
    local seen = {}
    local logger = {}
    for _, method in ipairs { "debug", "info", "warn", "error" } do
      logger[method] = function(self, message)
        seen[#seen + 1] = { self == logger, method, message }
      end
    end
    return logger, seen
  end

  it("hands each message to the method that fits, and none after nil", function()
    local logger, seen = foreign()
    local log = billiard.get_logger()
    billiard.set_logger(logger)
    for _, name in ipairs { "subdebug", "debug", "info", "subwarning", "warning", "error" } do
      log[name](log, "m%d", 1)
    end
    billiard.set_logger(nil)
    log:error "unheard"
    local methods = {}
    for i, row in ipairs(seen) do
      assert.is_true(row[1])
      assert.equal("[MainProcess] m1", row[3])
      methods[i] = row[2]
    end
    assert.same({ "debug", "debug", "info", "warn", "warn", "error" }, methods)
  end)
end)
