-- Readiness: a target says so, a program writes to a descriptor or notifies.
-- Run once per start method.

local billiard = require "billiard"
local child = require "spec.fixtures.child"
local helper = require "spec.helper"

local Process = billiard.Process
local LONG <const> = 20 * helper.scale
local TIMEOUT <const> = { n = 3, nil, "timeout", "timeout" }

local function end_of(p)
  p:kill()
  p:join(LONG)
end

describe("billiard.ready", function()
  helper.guard()

  it("makes wait_ready return, with the text", function()
    local p <close> = child.sleeper { target = function()
      billiard.ready "port 8080"
      billiard.sleep(3600)
    end }
    assert.same({ n = 2, true, "port 8080" }, table.pack(p:wait_ready(LONG)))
    assert.same({ n = 2, true, "port 8080" }, table.pack(p:wait_ready(0)))
    end_of(p)
  end)

  it("may carry a text of any size", function()
    local p <close> = child.sleeper { target = function()
      assert(billiard.ready(("x"):rep(1 << 20)) == true)
      billiard.sleep(3600)
    end }
    local ok, text = p:wait_ready(LONG)
    assert.is_true(ok)
    assert.equal(("x"):rep(1 << 20), text)
    end_of(p)
  end)

  it("may come without a text, and only the first one counts", function()
    local p <close> = child.sleeper { target = function()
      billiard.ready()
      billiard.ready "late"
      billiard.sleep(3600)
    end }
    assert.same({ true, "" }, { p:wait_ready(LONG) })
    end_of(p)
  end)

  it("is known also after the end", function()
    local p <close> = Process { target = billiard.ready, args = { "was up" } }
    p:start():join(LONG)
    assert.same({ true, "was up" }, { p:wait_ready(0) })
  end)

  it("does nothing in a process that is no child", function()
    assert.has_no_error(function() billiard.ready "here" end)
  end)

  it("is heard from the right one of many", function()
    local list = {}
    for i = 1, 5 do
      list[i] = child.sleeper { stdin = "pipe", args = { i }, target = function(n)
        io.read()
        billiard.ready("number " .. n)
        billiard.sleep(3600)
      end }
    end
    for i = 5, 1, -1 do
      assert.same(TIMEOUT, table.pack(list[i]:wait_ready(0)))
      list[i].stdin:close()
      assert.same({ true, "number " .. i }, { list[i]:wait_ready(LONG) })
    end
    for _, p in ipairs(list) do
      end_of(p)
      p:close()
    end
  end)
end)

-- How a shell says it, and what its option ready is.
local notify = "perl -MSocket -e 'socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; "
  .. "($a = $ENV{NOTIFY_SOCKET}) =~ s/^@/\\0/; "
  .. "send(S, join(qq(\\n), @ARGV), 0, sockaddr_un($a)) or die' "
local protocols = {
  { "a ready fd", { fd = 3 }, "echo >&3", "printf x >&3" },
  { "a ready fd of a higher number", { fd = 17 }, "sh -c 'echo up >&17' 17>&17",
    "printf x >&17" },
  { "systemd's protocol", "systemd", notify .. "STATUS=up READY=1 MAINPID=1",
    notify .. "STATUS=READY=1 READY=10 XREADY=1" },
}
-- dash knows descriptors of one digit only
protocols[2][3] = "exec perl -e 'open F, q(>&=17) or die; syswrite F, qq(up\\n); sleep'"
protocols[2][4] = "perl -e 'open F, q(>&=17) or die; syswrite F, q(x)'"

for _, row in ipairs(protocols) do
  local name, ready, say, mumble = table.unpack(row)
  describe("a command with " .. name, function()
    helper.guard()

    local function shell(line, spec)
      spec = spec or {}
      spec.ready, spec.command = ready, { "sh", "-c", line }
      return assert(Process(spec):start())
    end

    it("is ready when it says so", function()
      local p <close> = shell("read go; " .. say .. "; exec sleep 3600", { stdin = "pipe" })
      local stdin <close> = p.stdin
      assert.same(TIMEOUT, table.pack(p:wait_ready(0)))
      assert.same(TIMEOUT, table.pack(p:wait_ready(0.02)))
      stdin:write "go\n"
      assert.same({ true, "" }, { p:wait_ready(LONG) })
      assert.same({ true, "" }, { p:wait_ready(0) })
      end_of(p)
    end)

    it("is not ready by anything else that it says", function()
      local p <close> = shell(mumble .. "; echo; read go; " .. mumble,
        { stdin = "pipe", stdout = "pipe" })
      local stdin <close>, stdout = p.stdin, p.stdout
      assert.equal("", stdout:read("l", LONG))
      assert.same(TIMEOUT, table.pack(p:wait_ready(0.02)))
      stdin:write "go\n"
      local none, _, code = p:wait_ready(LONG)
      assert.same({ nil, "StartError" }, { none, code })
      stdout:close()
      p:join(LONG)
    end)

    it("was never ready when it ends without", function()
      local p <close> = shell "exit 3"
      assert.equal("StartError", (select(3, p:wait_ready(LONG))))
      assert.same({ true, "exit", 3 }, { p:join(LONG) })
    end)
  end)
end

describe("systemd's protocol", function()
  helper.guard()

  it("takes the place of an address that was there, and touches nothing else", function()
    local env = { PATH = os.getenv "PATH", NOTIFY_SOCKET = "/not/this", COLOUR = "red" }
    local text = child.run { ready = "systemd", env = env,
      command = { "sh", "-c", "printenv NOTIFY_SOCKET; printenv COLOUR; env | wc -l" } }
    local address, colour, n = text:match "^(%g+)\n(%g+)\n%s*(%d+)\n$"
    assert.matches("^@%x+$", address)
    assert.equal("red", colour)
    -- PWD and _ may be the shell's own
    assert.is_true(tonumber(n) <= 5)
  end)

  it("is the parent's environment with the address, where none is given", function()
    local text = child.run { ready = "systemd",
      command = { "sh", "-c", "printenv PATH; printenv NOTIFY_SOCKET" } }
    local path, address = text:match "^(.-)\n(%g+)\n$"
    assert.equal(os.getenv "PATH", path)
    assert.matches("^@", address)
    assert.is_nil(os.getenv "NOTIFY_SOCKET")
  end)

  it("is remembered after the end", function()
    local p <close> = Process { ready = "systemd", command = { "sh", "-c", notify .. "READY=1" } }
    p:start():join(LONG)
    assert.same({ true, "" }, { p:wait_ready(0) })
  end)

  local id <close> = io.popen "id -u"
  local as_root = id:read "a" == "0\n" and it or pending -- only root becomes others

  as_root("heeds the program itself and our own user, and nobody else", function()
    local become = notify:gsub("'socket", "'($<, $>) = (65534, 65534); socket")
    for _, row in ipairs { { become .. "READY=1; exit 3", "StartError" },
      { "exec " .. become .. "READY=1" } } do
      local p <close> = Process { ready = "systemd", command = { "sh", "-c", row[1] } }
      local _, _, code = p:start():wait_ready(LONG)
      assert.equal(row[2], code)
      p:join(LONG)
    end
  end)

  it("leaves nothing of a command that cannot be started", function()
    local p <close> = Process { ready = "systemd", command = { "/no/such/program" } }
    assert.equal("ENOENT", (select(3, p:start())))
  end)

  it("is for commands, and is the only word", function()
    assert.has_error(function() Process { ready = "systemd", target = print } end)
    assert.has_error(function() Process { ready = "upstart", command = { "true" } } end)
  end)
end)
