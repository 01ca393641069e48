-- What the tools share: files as text, C without its comments and strings.

local source = {}

function source.read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

-- Iterates over the lines of a text, numbered.
function source.lines(text)
  local next_line = (text:sub(-1) == "\n" and text or text .. "\n"):gmatch "(.-)\n"
  local n = 0
  return function()
    n = n + 1
    local line = next_line()
    if line then return n, line end
  end
end

-- "runtime/fd.h" -> "runtime", "fd", "h"
function source.split(path)
  local folder, base = path:match "^(.*)/([^/]*)$"
  local stem, kind = (base or path):match "^(.*)%.([^.]*)$"
  return folder or ".", stem, kind
end

local function blank(s) return (s:gsub("[^\n]", " ")) end

-- C with comments, strings and characters made blanks; lines stay in place.
function source.bare_c(text)
  local out, at = {}, 1
  while true do
    local from = text:find("[\"'/]", at)
    if not from then break end
    local stop = from
    local two, one = text:sub(from, from + 1), text:sub(from, from)
    if two == "/*" then
      stop = select(2, text:find("*/", from + 2, true)) or #text
    elseif two == "//" then
      stop = (text:find("\n", from, true) or #text + 1) - 1
    elseif one ~= "/" then
      stop = from + 1
      while stop < #text and text:sub(stop, stop) ~= one do
        stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
      end
    end
    out[#out + 1] = text:sub(at, from - 1)
    out[#out + 1] = two == "/*" and blank(text:sub(from, stop))
      or two == "//" and blank(text:sub(from, stop))
      or one == "/" and "/" or blank(text:sub(from, stop))
    at = stop + 1
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out)
end

-- Collects complaints and ends the program by them.
function source.verdict()
  local complaints = {}
  return {
    add = function(...) complaints[#complaints + 1] = string.format(...) end,
    close = function(praise)
      for _, text in ipairs(complaints) do print(text) end
      if #complaints > 0 then os.exit(1) end
      print(praise)
    end,
  }
end

return source
