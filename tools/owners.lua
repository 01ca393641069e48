-- owners.lua FILE...: each dangerous call has one owner among our C files.
-- The host is a program of its own and may do what programs do.

local source = require "tools.source"

local dangers = {
  { what = "forking", owners = "spawn child",
    calls = "fork vfork _Fork clone clone3 posix_spawn posix_spawnp SYS_clone SYS_clone3" },
  { what = "exec", owners = "spawn child",
    calls = "execl execle execlp execv execve execvp execvpe execveat fexecve" },
  { what = "waiting for pids", owners = "reap",
    calls = "wait wait3 wait4 waitpid waitid" },
  { what = "waiting for descriptors", owners = "poll poller reap",
    calls = "poll ppoll select pselect epoll_wait epoll_pwait epoll_pwait2" },
  { what = "signal dispositions and masks", owners = "signals board",
    calls = "sigaction sigprocmask pthread_sigmask signal sigset siginterrupt" },
  { what = "threads and their locks", owners = "lock mutex signals",
    calls = "pthread_create pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock"
      .. " pthread_cond_wait pthread_atfork" },
  { what = "leaving the process", owners = "child signals", calls = "_exit _Exit quick_exit" },
  { what = "the registry's integer references", owners = "", calls = "luaL_ref luaL_unref" },
}

-- The bindings' memory is Lua's, so that a raise cannot leak it.
local memory = {
  what = "memory that is not Lua's", owners = "",
  calls = "malloc calloc realloc reallocarray free strdup strndup",
}

local verdict = source.verdict()

local function look(file, stem, text, danger)
  if danger.owners:find("%f[%w_]" .. stem .. "%f[^%w_]") then return end
  for n, line in source.lines(text) do
    for call in danger.calls:gmatch "%S+" do
      local pattern = call:find "^SYS_" and "%f[%w_]" .. call .. "%f[^%w_]"
        or "%f[%w_]" .. call .. "%s*%("
      local at = line:find(pattern)
      -- x.wait( and x->wait( are fields
      if at and not line:sub(1, at - 1):find "[.>]%s*$" then
        local owners = danger.owners == "" and "nobody" or danger.owners
        verdict.add("%s:%d: %s: %s belongs to %s", file, n, call, danger.what, owners)
      end
    end
  end
end

for _, file in ipairs(arg) do
  local folder, stem = source.split(file)
  if folder ~= "bindings/host" then
    local text = source.bare_c(source.read(file))
    for _, danger in ipairs(dangers) do look(file, stem, text, danger) end
    if folder == "bindings" then look(file, stem, text, memory) end
  end
end
verdict.close "every danger has one owner"
