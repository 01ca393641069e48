-- SPDX-License-Identifier: MIT
--- What runs, as a value: a tree of programs, functions and supervisors.
-- A constructor checks all of it before anything starts, and raises where it
-- was called; the value can be started, and `billiard run` starts it.
-- @module billiard.topology

local basic = require "billiard.topology.basic"
local flow = require "billiard.topology.flow"
local mesh = require "billiard.topology.mesh"
local pool = require "billiard.topology.pool"
local prefork = require "billiard.topology.prefork"
local value = require "billiard.topology.value"

return {
   command = basic.command,
   group = basic.group,
   supervisor = basic.supervisor,
   pipeline = flow.pipeline,
   fanout = flow.fanout,
   ring = mesh.ring,
   tree = mesh.tree,
   pool = pool.pool,
   prefork = prefork.prefork,
   is_topology = value.is_topology,
}
