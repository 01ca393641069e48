---@meta billiard

---@alias billiard.Stdio "inherit"|"null"|"pipe"|integer|file*|billiard.Stream
---@alias billiard.StartMethod "fork"|"forkserver"|"spawn"
---@alias billiard.Step { [1]: string|integer, [2]: number? }
---@alias billiard.Ladder billiard.Step[]
---@alias billiard.Key billiard.AuthenticationString|string

---@class billiard.Error
---@field code string
---@field message string
---@field traceback? string
---@field pid? integer
---@field name? string
---@field exitcode? integer|false
---@field signal? integer
---@field path? string of a value that cannot travel
---@field value? any what was raised

---@class billiard.Limits
---@field as? integer bytes
---@field cpu? integer seconds
---@field nofile? integer
---@field fsize? integer bytes
---@field core? integer bytes
---@field nproc? integer

---@class billiard.ProcessOptions
---@field target? function
---@field args? table
---@field kwargs? table
---@field command? (string|number)[]
---@field name? string
---@field daemon? boolean
---@field group? nil
---@field fields? table<any, any>
---@field authkey? billiard.Key
---@field env? table<string, string|number>
---@field cwd? string
---@field stdin? billiard.Stdio
---@field stdout? billiard.Stdio
---@field stderr? billiard.Stdio|"stdout"
---@field limits? billiard.Limits
---@field nice? integer
---@field umask? integer
---@field session? boolean
---@field pgroup? boolean
---@field ready? { fd: integer }|"systemd"
---@field start_timeout? number
---@field start_method? billiard.StartMethod
---@field allow_threads? boolean

---@class billiard.Stream
local Stream = {}
---@param format? "l"|"L"|"a"|integer
---@param timeout? number
---@return string? bytes, string? err, string? code
function Stream:read(format, timeout) end
---@param timeout? number
---@return string? bytes, string? err, string? code
function Stream:read_some(timeout) end
---@return fun(stream: billiard.Stream): string?
---@return billiard.Stream
function Stream:lines() end
---@param bytes string
---@param timeout? number
---@return billiard.Stream? self, string? err, string? code, integer? written
function Stream:write(bytes, timeout) end
---@return true
function Stream:close() end
---@return integer fd
function Stream:fileno() end
---@return integer fd
function Stream:pollfd() end
---@return "r"|"w"
function Stream:events() end
---@return nil
function Stream:timeout() end

---@class billiard.Process
---@field name string
---@field daemon boolean
---@field authkey billiard.AuthenticationString
---@field pid? integer
---@field ident? integer
---@field exitcode? integer|false
---@field sentinel integer
---@field controlled boolean
---@field start_method? billiard.StartMethod
---@field error? billiard.Error
---@field rusage? { utime: number, stime: number, maxrss: integer }
---@field started_at? number
---@field ended_at? number
---@field stdin? billiard.Stream
---@field stdout? billiard.Stream
---@field stderr? billiard.Stream
---@field super? billiard.Process
---@field [any] any
---@overload fun(options?: billiard.ProcessOptions): billiard.Process
local Process = {}
---@param name string
---@return billiard.Process class
function Process:extend(name) end
---@return billiard.Process? self, string? err, string? code
function Process:start() end
---@return any ... what the target returns
function Process:run() end
---@param timeout? number
---@return any ... what the target returned; or nil, billiard.Error|"timeout", code
function Process:result(timeout) end
---@param timeout? number
---@return true? ended, string how, (integer|string)? n
function Process:join(timeout) end
---@return boolean? alive, string? err, string? code
function Process:is_alive() end
---@return true? ok, string? err, string? code
function Process:terminate() end
---@return true? ok, string? err, string? code
function Process:kill() end
---@return true? ok, string? err, string? code
function Process:interrupt() end
---@param signal string|integer
---@return true? ok, string? err, string? code
function Process:send_signal(signal) end
---@param grace? number seconds, 5
---@return true? ok, string? err, string? code
function Process:terminate_controlled(grace) end
---@param ladder? billiard.Ladder
---@return true? ended, string how, (integer|string)? n
function Process:stop(ladder) end
---@param timeout? number
---@return true? ready, string text, string? code
function Process:wait_ready(timeout) end
---@return true
function Process:detach() end
function Process:close() end
---@return integer? fd, string? err, string? code
function Process:fileno() end
---@return integer? fd, string? err, string? code
function Process:pollfd() end
---@return integer? fd, string? err, string? code
function Process:getfd() end
---@return "r"
function Process:events() end
---@return number? seconds
function Process:timeout() end
---@return boolean
function Process:dirty() end

---@class billiard.Context: billiard the library, bound to a start method

---@class billiard.ParentProcess
---@field pid integer
---@field name string
local ParentProcess = {}
---@return boolean? alive, string? err, string? code
function ParentProcess:is_alive() end
---@param timeout? number
---@return true? ended, string how, string? code
function ParentProcess:join(timeout) end
---@return integer? fd, string? err, string? code
function ParentProcess:fileno() end
---@return integer? fd, string? err, string? code
function ParentProcess:pollfd() end
---@return "r"
function ParentProcess:events() end
---@return nil
function ParentProcess:timeout() end

---One end of a pipe.
---@class billiard.Connection
---@field closed boolean
---@field readable boolean
---@field writable boolean
local Connection = {}
---@param value any
---@param timeout? number
---@return true? ok, string? err, string? code
function Connection:send(value, timeout) end
---@param timeout? number
---@return any value, string? err, string? code
function Connection:recv(timeout) end
---@param s string
---@param i? integer
---@param j? integer
---@param timeout? number
---@return true? ok, string? err, string? code
function Connection:send_bytes(s, i, j, timeout) end
---@param timeout? number
---@param maxlength? integer
---@return string? bytes, string? err, string? code
function Connection:recv_bytes(timeout, maxlength) end
---@param timeout? number none: do not wait
---@return boolean? ready, string? err, string? code
function Connection:poll(timeout) end
function Connection:close() end
---@return integer fd
function Connection:fileno() end
---@return integer fd
function Connection:pollfd() end
---@return integer fd
function Connection:getfd() end
---@return "r"
function Connection:events() end
---@return nil
function Connection:timeout() end
---@return boolean
function Connection:dirty() end

---@param options? boolean|{ duplex?: boolean, functions?: boolean } false: one way
---@return billiard.Connection? reader, billiard.Connection|string writer, string? code
function billiard.Pipe(options) end

---@class billiard.Poller
local Poller = {}
---@param object any a Process, a Stream, an fd, or what has pollfd, getfd or fileno
---@param tag? any what wait returns for it; the object
---@return true? ok, string? err, string? code
function Poller:add(object, tag) end
---@param object any
---@return true
function Poller:remove(object) end
---@param timeout? number
---@return any[]? ready, string? err, string? code
function Poller:wait(timeout) end
function Poller:close() end
---@return integer fd
function Poller:fileno() end
---@return integer fd
function Poller:pollfd() end
---@return integer fd
function Poller:getfd() end
---@return "r"
function Poller:events() end
---@return number? seconds
function Poller:timeout() end
---@return boolean
function Poller:dirty() end

---@class billiard.SharedMemory
---@operator len: integer
local SharedMemory = {}
---@param pos integer
---@param n integer
---@return string bytes
function SharedMemory:read(pos, n) end
---@param pos integer
---@param bytes string
---@return integer behind
function SharedMemory:write(pos, bytes) end
---@param pos integer
---@param format string
---@return integer behind
function SharedMemory:pack(pos, format, ...) end
---@param pos integer
---@param format string
---@return any ... and the position behind
function SharedMemory:unpack(pos, format) end
function SharedMemory:close() end

---@alias billiard.Kind "i8"|"u8"|"i16"|"u16"|"i32"|"u32"|"i64"|"u64"|"f32"|"f64"|"bool"

---@class billiard.Value
---@field value number|boolean
---@field lock billiard.Lock
local Value = {}
---@param n number
---@return number sum
function Value:add(n) end
---@param old number|boolean
---@param new number|boolean
---@return boolean exchanged, (number|boolean)? found
function Value:cas(old, new) end
function Value:close() end

---@class billiard.Array
---@operator len: integer
---@field lock billiard.Lock
---@field [integer] number|boolean|nil
local Array = {}
---@param i? integer 1
---@param j? integer the last
---@return (number|boolean)[]
function Array:get(i, j) end
---@param i integer
---@param list (number|boolean)[]
---@return true
function Array:set(i, list) end
function Array:close() end

---@class billiard.Lock
local Lock = {}
---@param timeout? number
---@return true? taken, ("owner_died"|string)? how, string? code
function Lock:acquire(timeout) end
---@return true
function Lock:release() end
---@return boolean
function Lock:locked() end
---@param f function
---@return any ...
function Lock:with(f, ...) end
function Lock:close() end

---@class billiard.RLock: billiard.Lock

---@class billiard.Semaphore
local Semaphore = {}
---@param timeout? number
---@return true? taken, string? err, string? code
function Semaphore:acquire(timeout) end
---@return true? given, string? err, string? code
function Semaphore:release() end
---@return integer? n, string? err, string? code
function Semaphore:value() end
---@param f function
---@return any ...
function Semaphore:with(f, ...) end
function Semaphore:close() end
---@return integer fd
function Semaphore:fileno() end
---@return integer fd
function Semaphore:pollfd() end
---@return integer fd
function Semaphore:getfd() end
---@return "r"
function Semaphore:events() end
---@return nil
function Semaphore:timeout() end
---@return boolean
function Semaphore:dirty() end

---@class billiard.BoundedSemaphore
local BoundedSemaphore = {}
---@param timeout? number
---@return true? taken, string? err, string? code
function BoundedSemaphore:acquire(timeout) end
---@return true
function BoundedSemaphore:release() end
---@return integer n
function BoundedSemaphore:value() end
---@param f function
---@return any ...
function BoundedSemaphore:with(f, ...) end
function BoundedSemaphore:close() end

---@class billiard.Condition
local Condition = {}
---@param timeout? number
---@return true? taken, ("owner_died"|string)? how, string? code
function Condition:acquire(timeout) end
---@return true
function Condition:release() end
---@param f function
---@return any ...
function Condition:with(f, ...) end
---@param timeout? number
---@return true? woken, ("owner_died"|string)? how, string? code, "owner_died"?
function Condition:wait(timeout) end
---@generic T
---@param f fun(): T
---@param timeout? number
---@return T? value, string? err, string? code
function Condition:wait_for(f, timeout) end
---@param n? integer 1
---@return integer notified
function Condition:notify(n) end
---@return integer notified
function Condition:notify_all() end
function Condition:close() end

---@class billiard.Barrier
---@field parties integer
---@field n_waiting integer
---@field broken boolean
local Barrier = {}
---@param timeout? number
---@return integer? index, string? err, string? code
function Barrier:wait(timeout) end
---@return true
function Barrier:abort() end
---@return true
function Barrier:reset() end
function Barrier:close() end

---@class billiard.Event
local Event = {}
---@return true
function Event:set() end
---@return true
function Event:clear() end
---@return boolean
function Event:is_set() end
---@param timeout? number
---@return true? set, string? err, string? code
function Event:wait(timeout) end
function Event:close() end
---@return integer fd
function Event:fileno() end
---@return integer fd
function Event:pollfd() end
---@return integer fd
function Event:getfd() end
---@return "r"
function Event:events() end
---@return nil
function Event:timeout() end
---@return boolean
function Event:dirty() end

---@class billiard.SimpleQueue
local SimpleQueue = {}
---@param value any
---@param timeout? number
---@return true? put, string? err, string? code
function SimpleQueue:put(value, timeout) end
---@param timeout? number
---@return any value, string? err, string? code
function SimpleQueue:get(timeout) end
---@return boolean
function SimpleQueue:empty() end
---@param timeout? number
---@return true? shut, string? err, string? code
function SimpleQueue:shutdown(timeout) end
function SimpleQueue:close() end
---@return integer fd
function SimpleQueue:fileno() end
---@return integer fd
function SimpleQueue:pollfd() end
---@return integer fd
function SimpleQueue:getfd() end
---@return "r"
function SimpleQueue:events() end
---@return nil
function SimpleQueue:timeout() end
---@return boolean
function SimpleQueue:dirty() end

---@class billiard.Queue: billiard.SimpleQueue
local Queue = {}
---@param value any
---@return true? put, string? err, string? code
function Queue:put_nowait(value) end
---@return any value, string? err, string? code
function Queue:get_nowait() end
---@return integer
function Queue:qsize() end
---@return boolean
function Queue:full() end

---@class billiard.JoinableQueue: billiard.Queue
local JoinableQueue = {}
---@return true
function JoinableQueue:task_done() end
---@param timeout? number
---@return true? joined, string? err, string? code
function JoinableQueue:join(timeout) end

---What a waiter is given: a Process, a Stream, a Poller, ...
---@class billiard.Waitable
local Waitable = {}
---@return integer? fd
function Waitable:pollfd() end
---@return string? events "r", "w" or both
function Waitable:events() end
---@return number? seconds
function Waitable:timeout() end

---@class billiard.AuthenticationString
---@operator len: integer
---@overload fun(bytes: string): billiard.AuthenticationString
local AuthenticationString = {}
---@param n? integer 32
---@return billiard.AuthenticationString
function AuthenticationString.random(n) end
---@param path string
---@return billiard.AuthenticationString? key, string? err, string? code
function AuthenticationString.read(path) end
---@param i integer
---@param j? integer
---@return string
function AuthenticationString:sub(i, j) end
---@param bytes string
---@return boolean
function AuthenticationString:equals(bytes) end

---@class billiard.Logger
local Logger = {}
---@param format any
---@return boolean written
function Logger:subdebug(format, ...) end
---@param format any
---@return boolean written
function Logger:debug(format, ...) end
---@param format any
---@return boolean written
function Logger:info(format, ...) end
---@param format any
---@return boolean written
function Logger:subwarning(format, ...) end
---@param format any
---@return boolean written
function Logger:warning(format, ...) end
---@param format any
---@return boolean written
function Logger:error(format, ...) end
---@param level number
---@return billiard.Logger
function Logger:setLevel(level) end
---@return number
function Logger:getLevel() end

---@class billiard.RunOptions
---@field [integer] string|number
---@field input? string
---@field timeout? number
---@field cwd? string
---@field env? table<string, string|number>

---@class billiard.RunResult
---@field stdout string
---@field stderr string
---@field exitcode integer|false
---@field signal? integer
---@field seconds number

---@class billiard.RestartEvent
---@field kind "died"|"failed"
---@field outcome "ok"|"failed"|"killed"
---@field how? "exit"|"signal"|"shutdown"|"unknown"
---@field code? integer
---@field reason string
---@field at number
---@field random number

---@alias billiard.RestartAction "restart"|"leave"|"drop"|"give_up"|{ [1]: "restart", after: number }
---@alias billiard.RestartPolicy fun(event: billiard.RestartEvent, child: { id: string, ran: number, significant: boolean }, history: { id: string, at: number, ran: number }[]): billiard.RestartAction
---@alias billiard.Backoff { initial?: number, max?: number, factor?: number, jitter?: number }
---@alias billiard.ReadyWhen boolean|"systemd"|{ fd: integer }|{ port: integer }|{ file: string }|fun(process: billiard.Process): any

---@class billiard.ChildOptions: billiard.ProcessOptions
---@field restart? "permanent"|"transient"|"temporary"|billiard.RestartPolicy
---@field backoff? billiard.Backoff|billiard.RestartPolicy
---@field stop? billiard.Ladder
---@field ready? billiard.ReadyWhen
---@field significant? boolean
---@field depends_on? string|string[]
---@field heartbeat? { interval: number, threshold: number }
---@field overlap? boolean
---@field start? fun(options: table): table|string?, string?

---@class billiard.SupervisorOptions
---@field [integer] billiard.Topology|billiard.ChildOptions
---@field name string
---@field strategy? "one_for_one"|"one_for_all"|"rest_for_one"
---@field stop_order? "reverse"|"parallel"
---@field own_process? boolean
---@field depends_on? string|string[]
---@field intensity? integer|billiard.RestartPolicy
---@field period? number
---@field auto_shutdown? "never"|"any_significant"|"all_significant"
---@field restart? "permanent"|"transient"|"temporary"|billiard.RestartPolicy
---@field backoff? billiard.Backoff|billiard.RestartPolicy
---@field significant? boolean

---@class billiard.GroupOptions: billiard.ChildOptions
---@field n? integer
---@field command? (string|number)[]|fun(i: integer): (string|number)[]
---@field intensity? integer|billiard.RestartPolicy
---@field period? number
---@field auto_shutdown? "never"|"any_significant"|"all_significant"

---@class billiard.Status
---@field name string
---@field state string
---@field restarts? integer
---@field pid? integer
---@field children? billiard.Status[]

---@class billiard.Topology
local Topology = {}
---@return billiard.Topology? self, billiard.Error? err, string? code
function Topology:start() end
---@param timeout? number
---@return true? ended, string|billiard.Error why, string? code
function Topology:wait(timeout) end
---@return true? ended, string|billiard.Error why, string? code
function Topology:stop() end
---@return billiard.Status
function Topology:status() end
---@class billiard.Changes
---@field added string[]
---@field removed string[]
---@field replaced string[]
---@field failed { id: string, reason: string }[]
---@param other billiard.Topology
---@return true?, billiard.Changes|billiard.Error, string?, billiard.Changes?
function Topology:reload(other) end
---@param name? string
---@return true?, billiard.Changes|billiard.Error, string?, billiard.Changes?
function Topology:roll(name) end
---@param name string
---@param n integer
---@return true?, billiard.Changes|billiard.Error, string?, billiard.Changes?
function Topology:scale(name, n) end

---@class billiard.ChildRow
---@field id string
---@field name string
---@field state string
---@field type "worker"|"supervisor"
---@field pid? integer
---@field process? billiard.Process

---@class billiard.Supervisor: billiard.Topology
local Supervisor = {}
---@param child table|billiard.Topology
---@return true?, integer|billiard.Error|nil, string?
function Supervisor:start_child(child) end
---@param name string
---@return true?, billiard.Error?, string?
function Supervisor:terminate_child(name) end
---@param name string
---@return true?, integer|billiard.Error|nil, string?
function Supervisor:restart_child(name) end
---@param name string
---@return true?, billiard.Error?, string?
function Supervisor:delete_child(name) end
---@param name string
---@return billiard.ChildRow?
function Supervisor:child(name) end
---@return billiard.ChildRow[]
function Supervisor:which_children() end
---@return { specs: integer, active: integer, supervisors: integer, workers: integer }
function Supervisor:count_children() end
---@return billiard.Supervisor
function Supervisor:begin() end
---@return true? ended, string|billiard.Error why, string? code
function Supervisor:poll() end
---@param thing any
---@return true|nil ended, string|billiard.Error? why, string? code
function Supervisor:attend(thing) end
---@param force? boolean
function Supervisor:ask_to_stop(force) end

---@class billiard.PoolOptions
---@field processes? integer
---@field initializer? function
---@field initargs? table
---@field soft_timeout? number|false
---@field timeout? number|false
---@field max_tasks_per_child? integer
---@field max_memory_per_child? integer KiB
---@field max_age? number
---@field min? integer
---@field max? integer
---@field idle_timeout? number
---@field max_restarts? integer
---@field max_restart_freq? number
---@field start_method? billiard.StartMethod
---@field start_timeout? number
---@field name? string
---@field on_process_up? fun(worker: billiard.PoolWorker)
---@field on_process_down? fun(worker: billiard.PoolWorker, exit: { exitcode: integer|false, signal?: integer, rusage?: table, text: string })

---@class billiard.LoopOptions
---@field soft_timeout? number|false
---@field timeout? number|false
---@field attempts? integer
---@field chunk? integer
---@field prefetch? integer

---@class billiard.TaskOptions
---@field soft_timeout? number|false
---@field timeout? number|false
---@field attempts? integer
---@field callback? fun(...)
---@field error_callback? fun(err: billiard.Error)
---@field accept_callback? fun(pid: integer, started_at: number)
---@field timeout_callback? fun(kind: "soft"|"hard", seconds: number)
---@field correlation_id? any

---@class billiard.MapOptions: billiard.TaskOptions
---@field chunk? integer

---@class billiard.PoolWorker
---@field pid integer
---@field index integer
---@field name string
---@field state "starting"|"idle"|"busy"|"leaving"|"gone"
---@field tasks integer
---@field task? any
---@field since? number
---@field rss? integer KiB
---@field waiting? integer

---@class billiard.AsyncResult
---@field correlation_id? any
local AsyncResult = {}
---@param timeout? number
---@return any ... or nil, billiard.Error|"timeout", code
function AsyncResult:get(timeout) end
---@param timeout? number
---@return true? ended, string? err, string? code
function AsyncResult:wait(timeout) end
---@return boolean
function AsyncResult:ready() end
---@return boolean
function AsyncResult:successful() end
---@return boolean
function AsyncResult:accepted() end
---@return integer? pid, integer ...
function AsyncResult:worker_pid() end
---@return true? taken_back, string? err, string? code
function AsyncResult:cancel() end
---@param signal? string|integer
---@return true? ended, string? err, string? code
function AsyncResult:terminate(signal) end
function AsyncResult:discard() end
---@return integer? fd
function AsyncResult:fileno() end
---@return integer? fd
function AsyncResult:pollfd() end
---@return integer? fd
function AsyncResult:getfd() end
---@return "r"
function AsyncResult:events() end
---@return number? seconds
function AsyncResult:timeout() end
---@return boolean
function AsyncResult:dirty() end

---@alias billiard.Task function|string a function or "module:function"
---@alias billiard.Items table|fun(): any a list or an iterator

---@class billiard.Pool
---@field name string
---@field pid integer
local Pool = {}
---@param f billiard.Task
---@param args? table
---@param opts? billiard.TaskOptions
---@return any ... or nil, billiard.Error, code
function Pool:apply(f, args, opts) end
---@param f billiard.Task
---@param args? table
---@param opts? billiard.TaskOptions
---@return billiard.AsyncResult? result, string? err, string? code
function Pool:apply_async(f, args, opts) end
---@param f billiard.Task
---@param list billiard.Items
---@param opts? billiard.MapOptions|integer
---@return any[]? list, billiard.Error|string? err, string? code
function Pool:map(f, list, opts) end
---@param f billiard.Task
---@param list billiard.Items
---@param opts? billiard.MapOptions|integer
---@return billiard.AsyncResult? result, string? err, string? code
function Pool:map_async(f, list, opts) end
---@param f billiard.Task
---@param list billiard.Items
---@param opts? billiard.MapOptions|integer
---@return any[]? list, billiard.Error|string? err, string? code
function Pool:starmap(f, list, opts) end
---@param f billiard.Task
---@param list billiard.Items
---@param opts? billiard.MapOptions|integer
---@return billiard.AsyncResult? result, string? err, string? code
function Pool:starmap_async(f, list, opts) end
---@param f billiard.Task
---@param source billiard.Items
---@param opts? billiard.LoopOptions|integer
---@return fun(): integer?, any, billiard.Error?
function Pool:imap(f, source, opts) end
---@param f billiard.Task
---@param source billiard.Items
---@param opts? billiard.LoopOptions|integer
---@return fun(): integer?, any, billiard.Error?
function Pool:imap_unordered(f, source, opts) end
---@param n? integer
function Pool:grow(n) end
---@param n? integer
function Pool:shrink(n) end
function Pool:restart() end
function Pool:close() end
function Pool:terminate() end
---@param timeout? number
---@return true? ended, billiard.Error|string? err, string? code
function Pool:join(timeout) end
---@param timeout? number 0
---@return boolean? happened, billiard.Error|string? err, string? code
function Pool:poll(timeout) end
---@return table<string, integer|string>
function Pool:stats() end
---@return billiard.PoolWorker[]
function Pool:workers() end
---@return integer? fd
function Pool:fileno() end
---@return integer? fd
function Pool:pollfd() end
---@return integer? fd
function Pool:getfd() end
---@return "r"
function Pool:events() end
---@return number? seconds
function Pool:timeout() end
---@return boolean
function Pool:dirty() end

---@class billiard
---@field _VERSION string
---@field Process billiard.Process
---@field AuthenticationString billiard.AuthenticationString
---@field worker? { index: integer, name: string, data: any } in a task of a pool
---@field SUBDEBUG 5
---@field DEBUG 10
---@field INFO 20
---@field SUBWARNING 25
---@field WARNING 30
---@field ERROR 40
local billiard = { policy = { stop = {}, restart = {} }, topology = {},
  supervisor = { spec = {} } }
---@type billiard.RestartPolicy
billiard.policy.restart.permanent = nil
---@type billiard.RestartPolicy
billiard.policy.restart.transient = nil
---@type billiard.RestartPolicy
billiard.policy.restart.temporary = nil
---@param options? { max?: integer, period?: number }
---@return billiard.RestartPolicy
function billiard.policy.restart.intensity(options) end
---@param options? billiard.Backoff
---@return billiard.RestartPolicy
function billiard.policy.restart.backoff(options) end
---@param options billiard.ChildOptions
---@return billiard.Topology
function billiard.topology.command(options) end
---@param options billiard.GroupOptions
---@return billiard.Topology
function billiard.topology.group(options) end
---@param options billiard.SupervisorOptions
---@return billiard.Topology
function billiard.topology.supervisor(options) end
---@class billiard.Stage: billiard.ChildOptions
---@field n? integer
---@field target fun(item: any): any

---@class billiard.FlowOptions
---@field [integer] billiard.Stage
---@field name string
---@field source? fun(): fun(): any
---@field maxsize? integer
---@field ordered? boolean
---@field intensity? integer
---@field period? number

---@class billiard.Flow: billiard.Topology
local Flow = {}
---@param item any
---@param timeout? number
---@return true?, string?, string?
function Flow:put(item, timeout) end
function Flow:finish() end
---@return fun(): any
function Flow:results() end

---@param options billiard.FlowOptions
---@return billiard.Flow
function billiard.topology.pipeline(options) end
---@param options billiard.FlowOptions|billiard.Stage
---@return billiard.Flow
function billiard.topology.fanout(options) end
---@class billiard.PoolFlowOptions: billiard.PoolOptions
---@field name string
---@field target fun(item: any): any
---@field source? fun(): fun(): any
---@field maxsize? integer
---@field on_error? fun(item: any, err: billiard.Error): any
---@field stop? billiard.Ladder
---@field intensity? integer
---@field period? number
---@param options billiard.PoolFlowOptions
---@return billiard.Flow
function billiard.topology.pool(options) end
---@param options billiard.GroupOptions
---@return billiard.Topology
function billiard.topology.ring(options) end
---@param options billiard.ChildOptions
---@return billiard.Topology
function billiard.topology.tree(options) end
---@class billiard.PreforkOptions: billiard.GroupOptions
---@field listen "systemd"|{ host?: string, port?: integer, path?: string, systemd?: integer, backlog?: integer }
---@field pass? "stdin"
---@field target? fun(fd: integer, i: integer, ...: any)

---@class billiard.Prefork: billiard.Topology
local Prefork = {}
---@return integer?
function Prefork:port() end

---@param options billiard.PreforkOptions
---@return billiard.Prefork
function billiard.topology.prefork(options) end
---@param value any
---@return boolean
function billiard.topology.is_topology(value) end
---@param options billiard.ChildOptions
---@return table? checked, string? problem
function billiard.supervisor.spec.child(options) end
---@param options billiard.SupervisorOptions
---@param children table[]
---@return table? checked, string? problem
function billiard.supervisor.spec.supervisor(options, children) end
---@param checked table
---@param hooks? table
---@return billiard.Supervisor
function billiard.supervisor.new(checked, hooks) end
---@param report table
---@return string
function billiard.supervisor.sentence(report) end
---@param seconds? number
---@return billiard.Ladder
function billiard.policy.stop.unwind(seconds) end
---@type billiard.Ladder
billiard.policy.stop.infinite = nil
---@type billiard.Ladder
billiard.policy.stop.brutal = nil
---@param seconds? number 5
---@return billiard.Ladder
function billiard.policy.stop.graceful(seconds) end
---@param seconds? number 30
---@return billiard.Ladder
function billiard.policy.stop.drain(seconds) end
---@param ladder billiard.Ladder
---@return billiard.Ladder? complete, string? problem
function billiard.policy.check_ladder(ladder) end
---@param options billiard.RunOptions
---@return billiard.RunResult? result, string? err, string? code
function billiard.run(options) end
---@return billiard.StartMethod[]
function billiard.get_all_start_methods() end
---@return billiard.StartMethod
function billiard.get_start_method() end
---@param name billiard.StartMethod
---@param force? boolean
function billiard.set_start_method(name, force) end
---@param name? billiard.StartMethod
---@return billiard.Context
function billiard.get_context(name) end
---@param path string
function billiard.set_executable(path) end
---@param names string[]
function billiard.set_forkserver_preload(names) end
---@return billiard.Process
function billiard.current_process() end
---@return billiard.ParentProcess?
function billiard.parent_process() end
---@return billiard.Process[]
function billiard.active_children() end
---@param text? string
---@return true? ok, string? err, string? code
function billiard.ready(text) end
function billiard.heartbeat() end
---@param list any[]
---@param timeout? number
---@return any[]? ready, string? err, string? code
function billiard.wait(list, timeout) end
---@return billiard.Poller? poller, string? err, string? code
function billiard.Poller() end
---@param options? integer|billiard.PoolOptions
---@return billiard.Pool? pool, billiard.Error|string? err, string? code
function billiard.Pool(options) end
---@param results billiard.AsyncResult[]
---@param timeout? number
---@return fun(): billiard.AsyncResult?
function billiard.as_completed(results, timeout) end
---@param maxsize? integer
---@return billiard.Queue? queue, string? err, string? code
function billiard.Queue(maxsize) end
---@param maxsize? integer
---@return billiard.JoinableQueue? queue, string? err, string? code
function billiard.JoinableQueue(maxsize) end
---@return billiard.SimpleQueue? queue, string? err, string? code
function billiard.SimpleQueue() end
---@param options { size: integer }
---@return billiard.SharedMemory? memory, string? err, string? code
function billiard.SharedMemory(options) end
---@param kind billiard.Kind
---@param init? number|boolean
---@return billiard.Value? value, string? err, string? code
function billiard.Value(kind, init) end
---@param kind billiard.Kind
---@param init integer|(number|boolean)[]
---@return billiard.Array? array, string? err, string? code
function billiard.Array(kind, init) end
---@return billiard.Lock? lock, string? err, string? code
function billiard.Lock() end
---@return billiard.RLock? lock, string? err, string? code
function billiard.RLock() end
---@param n integer
---@return billiard.Semaphore? semaphore, string? err, string? code
function billiard.Semaphore(n) end
---@param n integer
---@return billiard.BoundedSemaphore? semaphore, string? err, string? code
function billiard.BoundedSemaphore(n) end
---@param lock? billiard.Lock|billiard.RLock
---@return billiard.Condition? condition, string? err, string? code
function billiard.Condition(lock) end
---@param parties integer
---@param action? function
---@param timeout? number
---@return billiard.Barrier? barrier, string? err, string? code
function billiard.Barrier(parties, action, timeout) end
---@return billiard.Event? event, string? err, string? code
function billiard.Event() end
---@param f? fun(object: billiard.Waitable, seconds?: number): boolean?
function billiard.set_waiter(f) end
---@param f fun()
function billiard.at_exit(f) end
---@param status? integer|string
function billiard.exit(status) end
---@param seconds number
function billiard.sleep(seconds) end
---@return number seconds
function billiard.now() end

---@alias billiard.Profile "down"|"up"|"plain"
---@param value any
---@param profile? billiard.Profile "up" when left out
---@return string bytes
function billiard.pack(value, profile) end
---@param bytes string
---@param profile? billiard.Profile "up" when left out
---@return any value, string? err, string? code
function billiard.unpack(bytes, profile) end
---@generic T: table
---@param metatable T with __name; __pack and __unpack, or neither
---@return T metatable
function billiard.register(metatable) end

---@return integer? n, string? err, string? code
function billiard.cpu_count() end
---@return integer? n, string? err, string? code
function billiard.usable_cpu_count() end
---@return table<string, string>
function billiard.environment() end
---@return billiard.Logger
function billiard.get_logger() end
---@param logger? table
function billiard.set_logger(logger) end
---@param level? number
---@return billiard.Logger
function billiard.log_to_stderr(level) end

return billiard
