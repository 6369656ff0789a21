"""Functions in Lua that all scripts begin with."""

from typing import Final

COMMON: Final = """
local LARGEST = 9007199254740992 -- 2^53: Lua's numbers are exact up to here

-- Runs a command; an error gets the command and the key, so that the log can name both.
local function call(command, key, ...)
  local reply = redis.pcall(command, key, ...)
  if type(reply) == 'table' and reply.err then
    error({err = reply.err .. ' [' .. command .. ' ' .. key .. ']'})
  end
  return reply
end

-- Runs a command with a list of arguments in parts: Lua's unpack is limited.
local function call_in_parts(command, key, list)
  for i = 1, #list, 4000 do call(command, key, unpack(list, i, math.min(i + 3999, #list))) end
end

local function text(number) return string.format('%.0f', number) end

local function integer(value)
  if value and #value <= 16 and string.find(value, '^%-?%d+$') then return tonumber(value) end
end

local function hash(key)
  local flat, found = call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

-- Whether a decoded JSON value is emotion -> number.
local function are_counts(counts)
  if type(counts) ~= 'table' then return false end
  for name, count in pairs(counts) do
    if type(name) ~= 'string' or type(count) ~= 'number' then return false end
    if not (count >= 0 and count <= LARGEST and count % 1 == 0) then return false end
  end
  return true
end

-- Returns the counts in a partition's JSON; nil if they are missing or not emotion -> number.
local function counts_in(json)
  local valid, counts = pcall(cjson.decode, json)
  if valid and are_counts(counts) then return counts end
end

local function add(sums, counts, sign)
  for name, count in pairs(counts) do sums[name] = (sums[name] or 0) + sign * count end
end

-- Returns the sums over all stored partitions that are valid.
local function sums_of_partitions(key)
  local sums = {}
  for _, json in ipairs(call('HVALS', key)) do add(sums, counts_in(json) or {}, 1) end
  return sums
end

-- Returns what to set and what to delete so that the hash of the totals equals `sums`.
local function totals_to_write(stored, sums, may_delete)
  local set, delete = {}, {}
  for name, count in pairs(sums) do
    if stored[name] ~= text(count) and (count ~= 0 or stored[name]) then
      set[#set + 1] = name
      set[#set + 1] = text(count)
    end
  end
  for name, value in pairs(stored) do
    if may_delete and not sums[name] and value ~= '0' then delete[#delete + 1] = name end
  end
  return set, delete
end

-- Returns generation and offset of a fence; nothing if the value is no fence.
local function fence_in(value)
  local generation, offset = string.match(value or '', '^(%-?%d+):(%-?%d+)$')
  generation, offset = integer(generation), integer(offset)
  if generation and offset then return generation, offset end
end

-- Whether a fence is older than another one.
local function is_older(generation, offset, than_generation, than_offset)
  return generation < than_generation or (generation == than_generation and offset < than_offset)
end

-- Returns the result of `main`, or its error as an error reply: a plain error() hides the error's code.
local function answer(main)
  local done, result = pcall(main)
  if done or type(result) == 'table' then return result end
  error(result)
end
"""
