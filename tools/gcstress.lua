-- Makes the collector restless: every allocation that may collect does, all
-- of it. No pause between cycles, and steps too large to leave any of one.
-- As a busted helper it also collects around every test. Child interpreters
-- load this file through LUA_INIT.

local NO_PAUSE <const> = 1 -- kept in fours, hence 0; 0 itself means: as it was
local WHOLE <const> = 63 -- log2 of a step's bytes

collectgarbage("incremental", NO_PAUSE, 1000, WHOLE)

local busted = package.loaded.busted
if busted then
  local function collect()
    collectgarbage()
    return nil, true
  end
  busted.subscribe({ "test", "start" }, collect)
  busted.subscribe({ "test", "end" }, collect)
end
