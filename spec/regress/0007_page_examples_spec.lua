-- Examples of the pages did not run as they stood.

local helper = require "spec.helper"

-- Each example of a page: its text, and the words that it says it prints.
local function examples(page)
  local file <close> = assert(io.open(page))
  local list = {}
  for text in file:read "a":gmatch "\n```lua\n(.-)```" do
    local words = {}
    for told in text:gmatch "%-%->([^\n]*)" do
      for word in told:gmatch "%S+" do words[#words + 1] = word end
    end
    list[#list + 1] = { text = text, words = words }
  end
  return list
end

describe("the examples of the page", function()
  helper.guard()

  for page, number in pairs { ["README.md"] = 3, ["docs/api/codec.md"] = 2,
    ["docs/api/pool.md"] = 2, ["docs/api/waiter.md"] = 2 } do
    it(page .. " run, and print what they say", function()
      local list = examples(page)
      assert.equal(number, #list)
      for i, example in ipairs(list) do
        local out, err, code = helper.run(example.text)
        assert.equal("", err, i)
        assert.equal(0, code)
        local words = {}
        for word in out:gmatch "%S+" do words[#words + 1] = word end
        if #example.words > 0 then assert.same(example.words, words) end
      end
    end)
  end
end)
