"""The two Lua scripts: publish, which applies committed counts once, and repair, which makes Redis equal to Kafka.

Redis does not roll back a script that fails halfway. Both scripts therefore write only absolute values, which depend on
the hash of the partitions and on nothing that the failed script may have written in part:

- The totals are the sums over the partitions, or the stored totals plus the growth where nothing is in doubt.
- A minute's counts are the totals less the totals at the beginning of that minute. While a publish script writes, the
  key `unfinished` holds that minute and those totals. A script that finds this key completes what failed.

Each command with a permission of its own (HSET, EXPIRE, HDEL) is tried before the totals change, on the key
`unfinished` or on the lifetime of a minute, so a user who lacks one of the commands changes no totals. The first write
is a HSET: Redis checks its memory limit at the first write of a script and at no later one.
"""

from typing import Final

from worker.redis.lua import COMMON

MOST_PARTITIONS: Final = 500
"""Partitions of one call: Lua passes at most about 8,000 arguments to a command, and Redis waits for the script."""

# KEYS: counts, partitions, fences, minute, unfinished. ARGV: seconds to keep the minute; 1 to compare the totals with
# the sums over all partitions; then field, generation, offset and counts as JSON of each partition in turn. Returns
# the outcome of each partition in turn, and last the number of totals that differed from the sums.
# The fence of a partition is the newest generation:offset; the script refuses older counts, for example of a worker
# that has lost the partition.
PUBLISH: Final = (
    COMMON
    + """
local COUNTS, PARTITIONS, FENCES, MINUTE, UNFINISHED = unpack(KEYS)
local KEEP_S, CHECK = ARGV[1], ARGV[2] == '1'
local THIS_MINUTE = string.match(MINUTE, '%d+$')

-- Compares the published partitions with the stored ones. `lost`: the fence or the counts of a partition are missing.
local function compare(shown)
  local round = {outcomes = {}, partitions = {}, fences = {}, growth = {}, lost = false, check = CHECK}
  local fields = {}
  for i = 3, #ARGV, 4 do fields[#fields + 1] = ARGV[i] end
  local fences, stored = call('HMGET', FENCES, unpack(fields)), call('HMGET', PARTITIONS, unpack(fields))
  for n, field in ipairs(fields) do
    local generation, offset, json = tonumber(ARGV[4 * n]), tonumber(ARGV[4 * n + 1]), ARGV[4 * n + 2]
    local g, o = fence_in(fences[n])
    if g and is_older(generation, offset, g, o) then
      round.outcomes[n] = 'stale'
    elseif generation == g and offset == o and stored[n] == json then
      round.outcomes[n] = 'known'
    else
      round.outcomes[n] = 'applied'
      local old = counts_in(stored[n])
      round.lost = round.lost or not (g and old)
      for name, count in pairs(old or {}) do round.check = round.check or (count ~= 0 and not shown[name]) end
      add(round.growth, cjson.decode(json), 1)
      add(round.growth, old or {}, -1)
      round.partitions[#round.partitions + 1] = field
      round.partitions[#round.partitions + 1] = json
      round.fences[#round.fences + 1] = field
      round.fences[#round.fences + 1] = ARGV[4 * n] .. ':' .. ARGV[4 * n + 1]
    end
  end
  return round
end

-- Refuses the first counts of a group where another group has counts: the totals would be the sum of both.
local function refuse_second_group()
  local own, other = string.match(ARGV[3], '^[^|]*'), nil
  for field, json in pairs(hash(PARTITIONS)) do
    local group = string.match(field, '^([^|]+)|.+|%d+$')
    if group == own then return end
    local counts = group and counts_in(json)
    if counts and next(counts) then other = group end
  end
  if other then error({err = 'OTHERGROUP ' .. other}) end
end

-- Returns the minute and the totals at its beginning that a failed script has left; nil if none has.
local function left_unfinished(stored)
  local base = {}
  for field, value in pairs(stored) do
    local name = string.match(field, '^base:(.*)$')
    if name then
      base[name] = integer(value)
      if not base[name] then return nil end
    end
  end
  if not string.find(stored.minute or '', '^%d+$') then return nil end
  return stored.minute, base
end

local function numbers(stored)
  local found = {}
  for name, value in pairs(stored) do found[name] = integer(value) end
  return found
end

-- Returns the totals at the beginning of this minute.
local function minute_base(stored, before, minute)
  local unfinished, base = left_unfinished(stored)
  if unfinished == THIS_MINUTE then return base end
  if unfinished then -- what the failed script had put into its own minute is in that minute
    add(base, numbers(hash(string.gsub(MINUTE, '%d+$', unfinished))), 1)
  else
    base = {}
    add(base, before, 1)
  end
  add(base, minute, -1)
  return base
end

local function minute_to_write(stored, totals, base)
  local growth, set = {}, {}
  add(growth, totals, 1)
  add(growth, base, -1)
  for name, count in pairs(growth) do
    if stored[name] ~= text(count) and (count ~= 0 or stored[name]) then
      set[#set + 1] = name
      set[#set + 1] = text(count)
    end
  end
  return set
end

local function unfinished_to_write(base, totals)
  local set = {}
  for name in pairs(totals) do base[name] = base[name] or 0 end
  for name, count in pairs(base) do
    set[#set + 1] = 'base:' .. name
    set[#set + 1] = text(count)
  end
  set[#set + 1] = 'minute' -- last: without this field the others do not count
  set[#set + 1] = THIS_MINUTE
  return set
end

local function finish(stored, written)
  local fields = {}
  for i = 1, #written, 2 do
    fields[#fields + 1] = written[i]
    stored[written[i]] = nil
  end
  for field in pairs(stored) do fields[#fields + 1] = field end
  call_in_parts('HDEL', UNFINISHED, fields)
end

local function write(round, stored, unfinished, set, delete, minute_set)
  call_in_parts('HSET', UNFINISHED, unfinished)
  call('EXPIRE', MINUTE, KEEP_S)
  call('HDEL', UNFINISHED, '')
  call_in_parts('HSET', PARTITIONS, round.partitions)
  call_in_parts('HSET', COUNTS, set)
  call_in_parts('HDEL', COUNTS, delete)
  call_in_parts('HSET', MINUTE, minute_set)
  call('EXPIRE', MINUTE, KEEP_S)
  call_in_parts('HSET', FENCES, round.fences)
  finish(stored, unfinished)
end

return answer(function()
  local stored_totals, stored_minute, stored_unfinished = hash(COUNTS), hash(MINUTE), hash(UNFINISHED)
  local shown = numbers(stored_totals)
  local round = compare(shown)
  if round.lost then refuse_second_group() end
  local failed_before = next(stored_unfinished) ~= nil
  for name in pairs(stored_totals) do round.check = round.check or not shown[name] end
  local check = round.check or round.lost or failed_before

  local before = check and sums_of_partitions(PARTITIONS) or shown
  local totals, corrected = {}, 0
  add(totals, before, 1)
  add(totals, round.growth, 1)
  if check and not failed_before then
    local set, delete = totals_to_write(stored_totals, before, true)
    corrected = #set / 2 + #delete
  end
  if round.lost then -- the growth of this minute is that of the totals which were shown
    for name, count in pairs(shown) do before[name] = count end
  end

  local base = minute_base(stored_unfinished, before, numbers(stored_minute))
  local set, delete = totals_to_write(stored_totals, totals, check)
  local minute_set = minute_to_write(stored_minute, totals, base)
  if failed_before or #round.fences + #set + #delete + #minute_set > 0 then
    local unfinished = unfinished_to_write(base, totals)
    write(round, stored_unfinished, unfinished, set, delete, minute_set)
  end
  round.outcomes[#round.outcomes + 1] = corrected
  return round.outcomes
end)
"""
)

# KEYS: counts, partitions, fences. ARGV: field, offset and counts of each partition in turn. The generation of each
# fence becomes 0, below every real generation, so that Redis accepts the next publish of the present owner.
REPAIR: Final = (
    COMMON
    + """
local COUNTS, PARTITIONS, FENCES = unpack(KEYS)

return answer(function()
  local stored, fields, fences = hash(PARTITIONS), {}, {}
  for i = 1, #ARGV, 3 do
    stored[ARGV[i]] = ARGV[i + 2]
    fields[#fields + 1], fields[#fields + 2] = ARGV[i], ARGV[i + 2]
    fences[#fences + 1], fences[#fences + 2] = ARGV[i], '0:' .. ARGV[i + 1]
  end
  local sums = {}
  for _, json in pairs(stored) do add(sums, counts_in(json) or {}, 1) end
  local set, delete = totals_to_write(hash(COUNTS), sums, true)
  call('HMGET', FENCES, '') -- fails before the first write if the key is not a hash
  call_in_parts('HSET', PARTITIONS, fields)
  if #delete > 0 then call('HDEL', FENCES, '') end -- fails before the totals change if the user lacks HDEL
  call_in_parts('HSET', COUNTS, set)
  call_in_parts('HDEL', COUNTS, delete)
  call_in_parts('HSET', FENCES, fences)
  return 'repaired'
end)
"""
)
