-- SPDX-License-Identifier: MIT
--- Carries out what the machines of a tree of supervisors want, and tells
-- them what happens: one loop, one queue, in one process.
--
--    child's end, readiness, time --event--> machine --action--> process
--            ^                                  |                   |
--            +-------------- wait <-------------+-------------------+
--
-- A nested supervisor is a machine of its own: its parent's actions start,
-- stop and force are its events, its ready and ended are its parent's.
-- @module billiard.supervisor.driver

local core = require "billiard.core"
local heartbeat = require "billiard.heartbeat"
local loop = require "billiard.supervisor.loop"
local machine = require "billiard.supervisor.machine"

local driver = {}

-- Between two looks at a readiness that has no descriptor.
local LOOK_AGAIN <const> = 0.01

local Driver = {}
Driver.__index = Driver

--- Makes one for a checked spec. hooks, all optional:
--    report(action, name)       an action "report" of the supervisor so named
--    options(spec)              a child's Process options, in place of its own
--    up(spec, process), down(spec, process)
function driver.new(spec, hooks)
   local d = setmetatable({ loop = loop.new(), queue = {}, starting = {},
      nodes = {}, replies = {}, hooks = hooks or {} }, Driver)
   d.root = d:node(spec)
   return d
end

function Driver:node(spec, parent, ref)
   local node = { spec = spec, machine = machine.new(spec), parent = parent,
                  ref = ref, running = {} }
   self.nodes[node] = true
   return node
end

function Driver:hook(name, ...)
   local f = self.hooks[name]
   return f and f(...)
end

--- Queues an event for a node's machine.
function Driver:tell(node, event)
   event.at = core.now()
   event.random = math.random()
   self.queue[#self.queue + 1] = { node = node, event = event }
end

---- processes ----

local function how_it_ended(process)
   local code, err = process.exitcode, process.error
   local reason = err and err.message
   if not code then return "unknown", nil, reason end
   if code < 0 then return "signal", -code, reason end
   return "exit", code, reason
end

-- Its end is waited for, or not for now.
function Driver:watch(node, handle, on)
   if not handle.process then return end
   if on then
      self.loop:add(handle.sentinel, function() self:ended(node, handle) end)
   else
      self.loop:remove(handle.sentinel)
   end
end

function Driver:ended(node, handle)
   local process = handle.process
   if process:is_alive() then return end
   self:watch(node, handle, false)
   if handle.spec.look and handle.spec.look.fd then
      self:look_at(handle) -- it may have told that it is up, and be done
   end
   self.starting[handle] = nil
   node.running[handle.ref] = nil
   self:hook("down", handle.spec, process)
   local how, code, reason = how_it_ended(process)
   process:close()
   self:tell(node, { "died", id = handle.spec.id, ref = handle.ref, how = how,
      code = code, reason = reason })
end

-- What the child's own start function makes of its options: options; nil and
-- the event that says why there are none.
local function ask_for_options(spec, options)
   local copy = {}
   for name, value in pairs(options) do copy[name] = value end
   local ok, answer, reason = pcall(spec.prepare, copy)
   if not ok then return nil, { "failed", reason = tostring(answer) } end
   if answer == "ignore" then return nil, { "ignored" } end
   if type(answer) == "table" then return answer end
   return nil, { "failed", reason = tostring(reason or "start returned "
      .. tostring(answer)) }
end

-- The started Process; nil and the event that says why there is none.
function Driver:new_process(spec, heart)
   local options = self:hook("options", spec) or spec.options
   if spec.prepare then
      local asked, event = ask_for_options(spec, options)
      if not asked then return nil, event end
      options = asked
   end
   if heart then options = heartbeat.give(options, heart) end
   local built, process = pcall(core.Process, options)
   if not built then return nil, { "failed", reason = process } end
   local started, message = process:start()
   if not started then return nil, { "failed", reason = message } end
   return process
end

function Driver:start_process(node, spec, ref)
   local heart = spec.heartbeat and heartbeat.new()
   local process, event = self:new_process(spec, heart)
   if not process then
      event.id, event.ref = spec.id, ref
      return self:tell(node, event)
   end
   core.contain(process)
   local handle = { spec = spec, ref = ref, process = process, heart = heart,
                    sentinel = process.sentinel }
   node.running[ref] = handle
   self:watch(node, handle, true)
   self:hook("up", spec, process)
   self.starting[handle] = spec.look and node
   self:tell(node, { "started", id = spec.id, ref = ref })
end

---- actions ----

local actions = {}

function actions.start(d, node, action)
   local spec = machine.child(node.machine, action.id, action.ref).spec
   local ref = action.ref
   if not spec.supervisor then return d:start_process(node, spec, ref) end
   local inner = d:node(spec, node, ref)
   node.running[ref] = { spec = spec, ref = ref, node = inner }
   d:tell(node, { "started", id = spec.id, ref = ref })
   d:tell(inner, { "boot" })
end

function actions.signal(d, node, action)
   local handle = node.running[action.ref]
   if not handle then return end -- its end is in the queue
   local process, sent, why = handle.process, nil, nil
   d:watch(node, handle, true)
   if action.signal == "KILL" or action.signal == "SIGKILL"
      or action.signal == 9 then
      if process:is_alive() then sent, why = core.kill_group(process) end
   elseif action.signal == "UNWIND" then
      sent, why = process:terminate_controlled(action.seconds)
   else
      sent, why = process:send_signal(action.signal)
      if sent then process:send_signal "CONT" end -- a stopped one cannot obey
   end
   if sent == nil and why then
      d:hook("report", { about = "signal", id = action.id, reason = why },
         node.spec.id)
   end
end

function actions.pulse(d, node, action)
   local handle = node.running[action.ref]
   if handle then
      d:tell(node, { "beat", id = action.id, ref = action.ref,
         n = handle.heart.value })
   end
end

function actions.stop(d, node, action)
   local handle = node.running[action.ref]
   if handle then d:tell(handle.node, { action[1] }) end
end
actions.force = actions.stop

function actions.ready(d, node)
   if node.parent then
      d:tell(node.parent, { "ready", id = node.spec.id, ref = node.ref })
   else
      d.up = true
   end
end

--- Lets go of what a spec has kept for processes to come.
function driver.release(spec)
   if spec.release then spec.release() end
   for _, each in ipairs(spec.children or {}) do driver.release(each) end
end

local function release_all(node)
   driver.release(node.spec)
   for _, c in ipairs(node.machine.children) do driver.release(c.spec) end
end

-- To the supervisor above: a boot that failed is a failed start, everything
-- else an end as Erlang has it, by plain "shutdown".
function actions.ended(d, node, action)
   local parent = node.parent
   d.nodes[node] = nil
   if not parent then
      release_all(node)
      d.verdict = action
      return
   end
   parent.running[node.ref] = nil
   d:tell(parent, { action.reason == "failed" and "failed" or "died",
      id = node.spec.id, ref = node.ref, how = "shutdown",
      reason = action.id and ("%s (%s: %s)"):format(action.reason, action.id,
         action.last or "done") or action.reason })
end

function actions.reply(d, _, action) d.replies[action.call] = action end

function actions.report(d, node, action)
   d:hook("report", action, node.spec.id)
end

-- While children end one after the other, the deaths of the others tell
-- nothing new: each is looked at in its turn.
local function ignore_ends(d, node)
   if node.machine.state ~= "stopping" or node.quiet then return end
   node.quiet = true
   for _, handle in pairs(node.running) do d:watch(node, handle, false) end
end

local function handle_event(d, node, event)
   if event[1] == "boot" and node.spec.boot then node.spec.boot() end
   local list = machine.handle(node.machine, event)
   ignore_ends(d, node)
   for _, action in ipairs(list) do actions[action[1]](d, node, action) end
end

function Driver:drain()
   local i = 1
   while self.queue[i] do
      local entry = self.queue[i]
      self.queue[i] = false
      handle_event(self, entry.node, entry.event)
      i = i + 1
   end
   self.queue = {}
end

--- Asks a node's machine one of supervisor.calls, and works until the answer
-- is there: the action "reply".
function Driver:ask(node, what, event)
   local token = {}
   event[1], event.call = what, token
   self:tell(node, event)
   while not self.replies[token] and not self.verdict and self.nodes[node] do
      self:turn()
   end
   local reply = self.replies[token]
   self.replies[token] = nil
   return reply or { id = event.id, reason = "stopping" }
end

---- time ----

-- Sends what is due; the seconds until the next, nil for none.
function Driver:send_due()
   local now, first = core.now(), nil
   for node in pairs(self.nodes) do
      local due = machine.due(node.machine)
      if due and due <= now then
         self:tell(node, { "due" })
      elseif due then
         first = math.min(first or due, due)
      end
   end
   return first and first - now
end

-- Tells that it is up, where that is so.
function Driver:look_at(handle)
   local node, spec = self.starting[handle], handle.spec
   if node and spec.look.look(handle.process, spec.argument) then
      self.starting[handle] = nil
      self:tell(node, { "ready", id = spec.id, ref = handle.ref })
   end
end

function Driver:look_at_starting()
   for handle in pairs(self.starting) do self:look_at(handle) end
end

local function nothing() end

-- One wait, with what those that start are to be waited by.
function Driver:wait(seconds)
   local fds = {}
   for handle in pairs(self.starting) do
      local fd = handle.spec.look.fd and handle.spec.look.fd(handle.process)
      if fd then
         fds[#fds + 1] = fd
         self.loop:add(fd, nothing)
      else
         seconds = math.min(seconds or LOOK_AGAIN, LOOK_AGAIN)
      end
   end
   self:look_at_starting() -- after the bell was cleared
   if self.queue[1] then seconds = 0 end
   self.loop:turn(seconds)
   for _, fd in ipairs(fds) do self.loop:remove(fd) end
   self:look_at_starting()
end

--- One turn of the loop: what is to be told is told, else waits, at most so
-- many seconds (nil: for ever).
function Driver:turn(seconds)
   local left = self:send_due()
   if self.queue[1] then return self:drain() end
   if left then seconds = math.min(seconds or left, left) end
   self:wait(seconds)
   self:drain()
end

return driver
