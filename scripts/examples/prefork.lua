-- SPDX-License-Identifier: MIT
--- A web server of two workers behind one socket, which this program owns.
-- While curl asks on and on, every worker is replaced by a new one; each
-- request is answered all the same.

local billiard = require "billiard"
local topology, policy = billiard.topology, billiard.policy

-- Serves this folder. It takes the socket as from systemd, tells when it is up,
-- and at SIGTERM ends when it has answered whom it had accepted.
local SERVER <const> = [[
import http.server, os, signal, socket, threading
class Server(http.server.HTTPServer):
    def __init__(self):
        super().__init__(("", 0), http.server.SimpleHTTPRequestHandler, False)
        self.socket = socket.socket(fileno=3)
        self.socket.setblocking(False)  # another worker may be faster
    def get_request(self):
        client, address = self.socket.accept()
        client.setblocking(True)
        return client, address
server = Server()
def stop(*_): threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, stop)
os.write(4, b"up\n")
server.serve_forever(0.05)
]]

local REQUESTS <const> = 1000

local web <close> = topology.prefork { name = "web", n = 2,
   listen = { host = "127.0.0.1", port = 0 }, ready = { fd = 4 },
   stop = policy.stop.graceful(10), stderr = "null",
   command = { "python3", "-c", SERVER } }
assert(web:start())

local client <close> = billiard.Process { stdout = "pipe", stderr = "null",
   command = { "curl", "-s", "-Z", "--parallel-max", "4", "-o", "/dev/null",
      "-w", "%{http_code}\n",
      ("http://127.0.0.1:%d/?[1-%d]"):format(web:port(), REQUESTS) } }
assert(client:start())

local replaced = 0
repeat
   local _, done = assert(web:roll())
   replaced = replaced + #done.replaced
until not client:is_alive()

local answers = {}
for code in client.stdout:lines() do answers[code] = (answers[code] or 0) + 1 end
print(("%d workers replaced, %d of %d requests answered"):format(replaced,
   answers["200"] or 0, REQUESTS))
assert(answers["200"] == REQUESTS, "a request was lost")
