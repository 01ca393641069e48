-- The kinds of tasks that a pool is given in a storm. Workers load this, too.
--   local tasks = require "spec.chaos.tasks"
--
-- A kind: call (a method of the pool), f, args(n), opts(); how it may end:
-- result(n, value) tells whether a value is right, codes are the others.

local billiard = require "billiard"

local tasks = { ATTEMPTS = 3 }

-- The initializer: each task says in that array that it has begun.
function tasks.prepare(begun) return begun end

local function begin(n)
  local begun = billiard.worker.data
  begun[n] = begun[n] + 1
end

function tasks.power(n) return n * n end

local bodies = {}

function bodies.square(n)
  begin(n)
  return n * n
end

function bodies.busy(n, seconds)
  begin(n)
  local till = billiard.now() + seconds
  while billiard.now() < till do end
  return n
end

function bodies.sleep(n, seconds)
  begin(n)
  billiard.sleep(seconds)
  return n
end

function bodies.raise(n)
  begin(n)
  error("on purpose", 0)
end

function bodies.exit(n)
  begin(n)
  os.exit(n % 3)
end

function bodies.crash(n)
  begin(n)
  os.execute "kill -KILL $PPID"
end

function bodies.loop(n)
  begin(n)
  while true do end
end

function bodies.reverse(n, text)
  begin(n)
  return text:reverse()
end

function bodies.family(n)
  begin(n)
  billiard.Process { target = billiard.sleep, args = { 3600 } }:start()
  return n
end

-- ---- kinds ----

local function set(...)
  -- by a strike, by meddling
  local codes = { WorkerLostError = true, Terminated = true, Cancelled = true }
  for _, code in ipairs { ... } do codes[code] = true end
  return codes
end

local function nothing() return {} end
local function itself(n, value) return value == n end
local function number(n) return { n } end

local kinds = {}

local function add(weight, name, kind)
  kind.name, kind.call = name, kind.call or "apply_async"
  kind.f = kind.f or "spec.chaos.tasks:" .. (kind.body or name)
  kind.args, kind.opts, kind.codes = kind.args or number, kind.opts or nothing, kind.codes or set()
  for _ = 1, weight do kinds[#kinds + 1] = kind end
end

local function short() return math.random() * 0.002 end

add(30, "square", { result = function(n, value) return value == n * n end })
add(4, "square again", { body = "square", result = function(n, value) return value == n * n end,
  opts = function() return { attempts = tasks.ATTEMPTS } end })
add(6, "busy", { args = function(n) return { n, short() } end, result = itself })
add(6, "sleep", { args = function(n) return { n, short() } end, result = itself })
add(4, "raise", { codes = set "RemoteError" })
add(1, "exit", {})
add(1, "crash", {})
add(1, "crash again", { body = "crash", opts = function() return { attempts = 2 } end })
add(1, "loop to the hard limit", { body = "loop", codes = set "TimeLimitExceeded",
  opts = function() return { timeout = 0.001 + short() } end })
add(1, "loop to the soft limit", { body = "loop", codes = set "SoftTimeLimitExceeded",
  opts = function() return { soft_timeout = 0.001 + short() } end })
add(2, "busy around its limits", { body = "busy",
  args = function(n) return { n, 0.002 } end, result = itself,
  codes = set("SoftTimeLimitExceeded", "TimeLimitExceeded"),
  opts = function() return { soft_timeout = 0.001 + short(), timeout = 0.004 } end })
add(2, "large", { body = "reverse", args = function(n) return { n, ("ab"):rep(1 << 17) } end,
  result = function(_, value) return value == ("ba"):rep(1 << 17) end })
add(1, "family", { result = itself })
add(2, "map", { call = "map_async", body = "power",
  args = function() return { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 } end,
  opts = function() return { chunk = math.random(10) } end,
  result = function(_, list) return list.n == 10 and list[10] == 100 end })

--- One of them.
function tasks.any() return kinds[math.random(#kinds)] end

return setmetatable(tasks, { __index = bodies })
