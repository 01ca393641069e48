-- SPDX-License-Identifier: MIT
--- What runs, as tables for people.
-- @module billiard.supervisor.view

local view = {}

local function pid_of(handle)
   return handle and handle.process and handle.process.pid or nil
end

--- A child of a node, as Supervisor.child tells.
function view.child(node, c)
   local handle = node.running[c.ref]
   return { id = c.id, name = c.id, state = c.state, pid = pid_of(handle),
      type = (c.spec.supervisor or c.spec.apart) and "supervisor" or "worker",
      process = handle and handle.process }
end

--- All below a node, as Supervisor.status tells.
function view.status(node)
   local list = {}
   for i, c in ipairs(node.machine.children) do
      local handle = node.running[c.ref]
      list[i] = { name = c.id, state = c.state, pid = pid_of(handle) }
      if handle and handle.node then
         list[i] = view.status(handle.node)
         list[i].state = c.state
      end
   end
   return { name = node.spec.id, state = node.machine.state,
            restarts = #node.machine.history, children = list }
end

return view
