"""The Lua scripts for the periods: one period, the markers of what is published, and the names of the tweet topics.

Redis does not roll back a script that fails halfway. The script of a period therefore writes only absolute values: the
hashes of the period are the sums over the contributions of all partitions, and the script compares each hash with its
sum whenever it runs. The contributions are written last. After a script that failed halfway, the owner pushes the
contribution again, which completes the hashes.

The first write is a HSET: Redis checks its memory limit at the first write of a script and at no later one. No script
needs a command that the scripts of the running counts do not need.
"""

from typing import Final

from worker.redis.lua import COMMON

MOST_CONTRIBUTIONS: Final = 100
"""Partitions of one call: Redis waits for the script, which reads every contribution of the period."""

MORE: Final = "more"
"""First element of the reply of PERIOD that names the subjects whose keys are missing; nothing is written then."""

# KEYS: the contributions, then the hash of each subject in turn; all keys that the script uses, as a Redis Cluster
# requires. ARGV: seconds to keep the keys; 1 to accept older fences too, for a repair; the number of subjects; the
# subjects; then field, generation, offset and JSON of each contribution in turn. Returns the outcome of each
# contribution in turn, or MORE and the subjects that need a key.
PERIOD: Final = (
    COMMON
    + """
local CONTRIBUTIONS = KEYS[1]
local KEEP_S, FORCED, SUBJECTS = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3])
local FIRST = 4 + SUBJECTS

local function is_subject(name)
  return name == '' or (#name <= 64 and string.find(name, '^[a-z0-9][a-z0-9_-]*$'))
end

-- Returns the cells in the JSON of a contribution, subject -> emotion -> number; none if they are not valid.
local function decoded(value)
  local valid, cells = pcall(cjson.decode, string.match(value, '^%S+ (.*)$'))
  if not valid or type(cells) ~= 'table' then return {} end
  for subject, counts in pairs(cells) do
    if type(subject) ~= 'string' or not is_subject(subject) or not are_counts(counts) then return {} end
  end
  return cells
end

local known = {}

local function cells_in(value)
  value = value or ''
  known[value] = known[value] or decoded(value)
  return known[value]
end

local function same(counts, others)
  for name, count in pairs(counts) do if others[name] ~= count then return false end end
  for name in pairs(others) do if not counts[name] then return false end end
  return true
end

-- Compares the pushed contributions with the stored ones, and puts those to write into `stored`. `touched` has the
-- subjects that differ.
local function compare(stored)
  local round = {outcomes = {}, write = {}, touched = {}}
  for i = FIRST, #ARGV, 4 do
    local field, generation, offset = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    local value = ARGV[i + 1] .. ':' .. ARGV[i + 2] .. ' ' .. ARGV[i + 3]
    local g, o = fence_in(string.match(stored[field] or '', '^%S+'))
    local outcome = 'applied'
    if not FORCED and g and is_older(generation, offset, g, o) then
      outcome = 'stale'
    elseif stored[field] == value then
      outcome = 'known'
    else
      local old, new = cells_in(stored[field]), cells_in(value)
      for subject, counts in pairs(old) do
        if not same(counts, new[subject] or {}) then round.touched[subject] = true end
      end
      for subject in pairs(new) do
        if not old[subject] then round.touched[subject] = true end
      end
      round.write[#round.write + 1], round.write[#round.write + 2] = field, value
      stored[field] = value
    end
    round.outcomes[#round.outcomes + 1] = outcome
  end
  return round
end

-- Refuses contributions of a group where another group has some: the hashes would be the sums of both.
local function refuse_second_group(stored)
  local own = string.match(ARGV[FIRST] or '', '^[^|]*')
  for field, value in pairs(stored) do
    local group = string.match(field, '^([^|]+)|.+|%d+$')
    if group and group ~= own and next(cells_in(value)) then error({err = 'OTHERGROUP ' .. group}) end
  end
end

local function sums_of(stored, touched)
  local sums = {}
  for subject in pairs(touched) do sums[subject] = {} end
  for _, value in pairs(stored) do
    for subject, counts in pairs(cells_in(value)) do
      sums[subject] = sums[subject] or {}
      add(sums[subject], counts, 1)
    end
  end
  return sums
end

-- Returns the subjects of the sums that have no key in KEYS.
local function without_key(sums)
  local given, missing = {}, {'more'}
  for i = 1, SUBJECTS do given[ARGV[3 + i]] = true end
  for subject in pairs(sums) do
    if not given[subject] then missing[#missing + 1] = subject end
  end
  return missing
end

-- Returns what to set and what to delete in each hash, in the order of KEYS.
local function changes_to(sums)
  local changes = {}
  for i = 1, SUBJECTS do
    local sum, stored, set, delete = sums[ARGV[3 + i]] or {}, hash(KEYS[1 + i]), {}, {}
    for name, count in pairs(sum) do
      if count > 0 and stored[name] ~= text(count) then set[#set + 1], set[#set + 2] = name, text(count) end
    end
    for name in pairs(stored) do
      if (sum[name] or 0) == 0 then delete[#delete + 1] = name end
    end
    changes[i] = {set = set, delete = delete}
  end
  return changes
end

return answer(function()
  local stored = hash(CONTRIBUTIONS)
  if not FORCED then refuse_second_group(stored) end
  local round = compare(stored)
  local sums = sums_of(stored, round.touched)
  local missing = without_key(sums)
  if #missing > 1 then return missing end

  local changes = changes_to(sums)
  for i, change in ipairs(changes) do
    call_in_parts('HSET', KEYS[1 + i], change.set)
    -- A script that failed after the HSET has left a key without an end; its contribution is not stored yet.
    if #change.set > 0 or round.touched[ARGV[3 + i]] then call('EXPIRE', KEYS[1 + i], KEEP_S) end
  end
  for i, change in ipairs(changes) do call_in_parts('HDEL', KEYS[1 + i], change.delete) end
  call_in_parts('HSET', CONTRIBUTIONS, round.write)
  if next(stored) then call('EXPIRE', CONTRIBUTIONS, KEEP_S) end
  return round.outcomes
end)
"""
)

# KEYS: the markers. ARGV: field, the value that the caller expects, generation and offset of each partition in turn.
# Returns for each partition `applied`; `stale` if the marker is of a later generation; or `lost` if the marker is
# not the expected one. Only an expected marker is replaced: a Redis that was wiped or rolled back since the last marker
# has lost what was pushed before, too.
MARK: Final = (
    COMMON
    + """
return answer(function()
  local fields, outcomes, set = {}, {}, {}
  for i = 1, #ARGV, 4 do fields[#fields + 1] = ARGV[i] end
  local stored = call('HMGET', KEYS[1], unpack(fields))
  for n, field in ipairs(fields) do
    local expected, generation, offset = ARGV[4 * n - 2], ARGV[4 * n - 1], ARGV[4 * n]
    local g = fence_in(stored[n])
    if g and g > tonumber(generation) then
      outcomes[n] = 'stale'
    elseif (stored[n] or '') ~= expected then
      outcomes[n] = 'lost'
    else
      outcomes[n] = 'applied'
      set[#set + 1], set[#set + 2] = field, generation .. ':' .. offset
    end
  end
  call_in_parts('HSET', KEYS[1], set)
  return outcomes
end)
"""
)

# KEYS: the markers. ARGV: fields. Sets markers that no owner expects and that are below every generation.
UNMARK: Final = (
    COMMON
    + """
return answer(function()
  local set = {}
  for _, field in ipairs(ARGV) do set[#set + 1], set[#set + 2] = field, '0:0' end
  call_in_parts('HSET', KEYS[1], set)
  return 'unmarked'
end)
"""
)

# KEYS: the tweet topics. ARGV: name and Unix second of each in turn. Returns the stored second of each in turn; an
# earlier second that is stored stays.
COUNT_SUBJECTS: Final = (
    COMMON
    + """
return answer(function()
  local names, since, set = {}, {}, {}
  for i = 1, #ARGV, 2 do names[#names + 1] = ARGV[i] end
  local stored = call('HMGET', KEYS[1], unpack(names))
  for n, name in ipairs(names) do
    local second = integer(stored[n])
    if second and second >= 0 and second <= tonumber(ARGV[2 * n]) then
      since[n] = stored[n]
    else
      since[n] = ARGV[2 * n]
      set[#set + 1], set[#set + 2] = name, since[n]
    end
  end
  call_in_parts('HSET', KEYS[1], set)
  return since
end)
"""
)

# KEYS: the tweet topics, then the hash of each day of one tweet topic that may be kept. ARGV: the tweet topic. Removes
# it if no day has a tweet: each period that is kept is part of a day that is kept.
FORGET_SUBJECT: Final = (
    COMMON
    + """
return answer(function()
  for i = 2, #KEYS do
    if next(hash(KEYS[i])) then return 'kept' end
  end
  call('HDEL', KEYS[1], ARGV[1])
  return 'forgotten'
end)
"""
)
