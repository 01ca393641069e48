-- SPDX-License-Identifier: MIT
--- Keeps two programs alive: a web server that falls over every second, and a
-- visitor that must get through nevertheless. The visitor starts once the
-- server listens; when it has made its visits, all ends.
--    billiard run scripts/examples/website.lua [port]

local billiard = require "billiard"
local topology, policy = billiard.topology, billiard.policy

local port = math.tointeger((...)) or 20000 + billiard.current_process().pid % 10000

local VISITS <const> = [[
for visit in 1 2 3 4; do
  curl -fsS --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null \
    -w "visit $visit: %{http_code}\n" "http://127.0.0.1:$0/GPL-3" || exit 1
  sleep 0.5
done]]

return topology.supervisor {
   name = "website", intensity = 10, period = 10, auto_shutdown = "any_significant",
   topology.command {
      name = "server",
      command = { "timeout", "-s", "KILL", "1", "python3", "-m", "http.server", port,
         "--bind", "127.0.0.1", "--directory", "/usr/share/common-licenses" },
      ready = { port = port }, start_timeout = 10,
      stop = policy.stop.graceful(2),
      backoff = { initial = 0.05, max = 1 },
   },
   topology.command {
      name = "visitor", restart = "transient", significant = true,
      command = { "sh", "-c", VISITS, port },
   },
}
