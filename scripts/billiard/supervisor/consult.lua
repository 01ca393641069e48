-- SPDX-License-Identifier: MIT
--- What the policies of a supervisor say to the end of a child.
-- @module billiard.supervisor.consult

local guard = require "billiard.policy.guard"
local kinds = require "billiard.policy.restart".kinds

-- These speak for a policy that fails.
local DEFAULT <const> = {
   restart = kinds.permanent,
   intensity = kinds.intensity(),
   backoff = kinds.permanent, -- no wait
}

-- The child's policy says whether, the window whether still, the backoff when.
local ORDER <const> = { "restart", "intensity", "backoff" }

--- Asks in that order; the first that wants no restart has the last word.
-- @treturn string "restart", "leave", "drop" or "give_up"
-- @treturn number seconds to wait first, the longest that was asked for
-- @treturn table `{ { policy, reason }, ... }`, the policies that failed
return function(policies, event, view, history)
   local wait, problems = 0, {}
   for _, role in ipairs(ORDER) do
      local policy = policies[role]
      if policy then
         local word, after, problem = guard.ask(policy, DEFAULT[role], event,
            view, history)
         if problem then
            problems[#problems + 1] = { policy = role, reason = problem }
         end
         if word ~= "restart" then return word, 0, problems end
         wait = math.max(wait, after)
      end
   end
   return "restart", wait, problems
end
