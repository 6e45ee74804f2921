"""
What Redis does for presence, each in one atomic step and by its own clock.

Under KEYS[1], the name before all keys, there are

    :leases:<person>   a sorted set: connections, by when the lease of each ends, each behind a "+"
                       or, if it is away, a "-"
    :here              a sorted set: people who have not been said to have gone, by when their last
                       lease ends
    :awake             a sorted set: those of them who have been said to be online, by when the last
                       of their leases ends that is not away; the others were said to be away
    :gone              a sorted set: people who have gone, by when that was
    :unsure            a sorted set: people who were restored as away, by when all of their leases
                       will have been restored
    :telling           a sorted set: people whose status changed and of whom nobody has confirmed
                       yet to have told, by when it did, or was last given to somebody to tell of it
    :was               a hash: of those in :telling, the status that was told before, a blank, and
                       when they were last here, or not away
    :typing:<chat>     a sorted set: people who are typing, by when they will not be any more

Nobody is in both :here and :gone.
"""

HEAD = """
local here, awake, gone = KEYS[1] .. ':here', KEYS[1] .. ':awake', KEYS[1] .. ':gone'
local unsure, telling, was = KEYS[1] .. ':unsure', KEYS[1] .. ':telling', KEYS[1] .. ':was'
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000

-- As Lua writes numbers, the microseconds would be rounded away.
local function score(time) return string.format('%.6f', time) end

local function keep(seconds, ...)
  local ms = math.ceil(seconds * 1000)
  for _, key in ipairs({...}) do
    if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
  end
end

-- What has been said of a person; nothing, if it is not remembered.
local function said(person)
  if redis.call('ZSCORE', awake, person) then return 'online' end
  if redis.call('ZSCORE', here, person) then return 'away' end
  if redis.call('ZSCORE', gone, person) then return 'offline' end
end

local function leases_of(person)
  local leases = KEYS[1] .. ':leases:' .. person
  redis.call('ZREMRANGEBYSCORE', leases, '-inf', score(now))
  return leases
end

local function set_lease(person, leases, connection, ends)
  redis.call('ZADD', leases, score(ends), connection)
  local all = redis.call('ZREVRANGE', leases, 0, -1, 'WITHSCORES')
  redis.call('ZADD', here, all[2], person)
  redis.call('PEXPIREAT', leases, math.ceil(all[2] * 1000))
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 1) == '+' then
      redis.call('ZADD', awake, all[i + 1], person)
      break
    end
  end
end

-- To be told: five values for each change, the person, the status, the one before, how long ago
-- they were last here, and when it changed.
local changes = {}

-- Without `before` it is the same as was to be told already.
local function tell(person, before, seen)
  local status = said(person) or 'offline'
  local kept = redis.call('HGET', was, person)
  if kept then
    local told, at = string.match(kept, '(%a+) (.+)')
    if not before then seen = at end
    before = told
  end
  before, seen = before or status, seen or now
  redis.call('HSET', was, person, before .. ' ' .. score(seen))
  redis.call('ZADD', telling, score(now), person)
  redis.call('ZREM', unsure, person)
  for _, value in ipairs({person, status, before, score(now - seen), score(now)}) do
    changes[#changes + 1] = value
  end
end

-- The rest of ARGV from `first` on: person, connection, '1' if it is away or else '0', …
-- Answers what had been said of each of these people, and the people in order.
local function hold(first, seconds)
  local before, people = {}, {}
  for i = first, #ARGV, 3 do
    local person, connection = ARGV[i], ARGV[i + 1]
    if before[person] == nil then
      before[person] = said(person) or 'unknown'
      people[#people + 1] = person
    end
    local leases = leases_of(person)
    local mark, other = '+', '-'
    if ARGV[i + 2] == '1' then mark, other = '-', '+' end
    -- Of a lease that ran out, LAPSED says so.
    if redis.call('ZREM', leases, other .. connection) == 1 then
      redis.call('ZREM', awake, person)
    end
    set_lease(person, leases, mark .. connection, now + seconds)
    redis.call('ZREM', gone, person)
  end
  return before, people
end
"""

# ARGV: seconds, seconds for which who went is remembered; then person, connection, away, …
# Answers the changes.
TAKE = (
    HEAD
    + """
local before, people = hold(3, ARGV[1])
for _, person in ipairs(people) do
  if before[person] == 'unknown' then
    tell(person, 'offline')
  elseif before[person] ~= said(person) then
    tell(person, before[person])
  end
end
keep(ARGV[1] + ARGV[2], here, awake, telling, was)
return changes
"""
)

# ARGV as above. Answers the changes.
RENEW = (
    HEAD
    + """
local before, people = hold(3, ARGV[1])
for _, person in ipairs(people) do
  local status = said(person)
  if before[person] == 'unknown' then
    -- Another lease of theirs, that is not away, may not have been restored yet.
    if status == 'away' then redis.call('ZADD', unsure, score(now + ARGV[1]), person) end
  elseif before[person] ~= status then
    local restoring = redis.call('ZSCORE', unsure, person)
    if before[person] == 'away' and restoring and tonumber(restoring) > now then
      redis.call('ZREM', unsure, person)
    else
      tell(person, before[person])
    end
  end
end
keep(ARGV[1] + ARGV[2], here, awake, telling, was)
keep(ARGV[1], unsure)
return changes
"""
)

# ARGV: seconds; then person, connection, …
RELEASE = (
    HEAD
    + """
local latest = now + ARGV[1]
for i = 2, #ARGV, 2 do
  local leases = leases_of(ARGV[i])
  for _, mark in ipairs({'+', '-'}) do
    local ends = redis.call('ZSCORE', leases, mark .. ARGV[i + 1])
    if ends and tonumber(ends) > latest then
      set_lease(ARGV[i], leases, mark .. ARGV[i + 1], latest)
    end
  end
end
return {}
"""
)

# ARGV: how many at most, seconds for which they are remembered, seconds after which what nobody has
# confirmed is given to the next who asks.
# Answers the changes: who has gone, who is only away, and what is still to be told.
LAPSED = (
    HEAD
    + """
redis.call('ZREMRANGEBYSCORE', gone, '-inf', score(now - ARGV[2]))
redis.call('ZREMRANGEBYSCORE', unsure, '-inf', score(now))

local function ended(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', score(now), 'WITHSCORES', 'LIMIT', 0, ARGV[1])
end

local left = ended(here)
for i = 1, #left, 2 do
  local before = said(left[i])
  redis.call('ZADD', gone, score(now), left[i])
  redis.call('ZREM', here, left[i])
  redis.call('ZREM', awake, left[i])
  tell(left[i], before, left[i + 1])
end
local dozed = ended(awake)
for i = 1, #dozed, 2 do
  local ends = redis.call('ZSCORE', here, dozed[i])
  -- Who has gone altogether is among those who left, if not of this time.
  if ends and tonumber(ends) > now then
    redis.call('ZREM', awake, dozed[i])
    tell(dozed[i], 'online', dozed[i + 1])
  end
end
for _, person in ipairs(
  redis.call('ZRANGEBYSCORE', telling, '-inf', score(now - ARGV[3]), 'LIMIT', 0, ARGV[1])
) do
  tell(person)
end
keep(ARGV[2], gone, telling, was)
return changes
"""
)

# ARGV: person, when they changed, …: that has been told.
TOLD = (
    HEAD
    + """
for i = 1, #ARGV, 2 do
  local at = redis.call('ZSCORE', telling, ARGV[i])
  if at and tonumber(at) == tonumber(ARGV[i + 1]) then
    redis.call('ZREM', telling, ARGV[i])
    redis.call('HDEL', was, ARGV[i])
  end
end
return {}
"""
)

# ARGV: seconds for which they are remembered; then person, their status before, '1' if they are
# still here, though away, or else '0', seconds since they came, seconds since they went, …
# Answers the changes: those of whom Redis does not know that they are here, nor that they have
# gone since they came; and of whom it does not know whether they were online.
CLAIM = (
    HEAD
    + """
for i = 2, #ARGV, 5 do
  local person, status, seen = ARGV[i], ARGV[i + 1], now - ARGV[i + 4]
  if redis.call('ZSCORE', here, person) then
    if status == 'online' and redis.call('ZSCORE', unsure, person) then
      tell(person, status, seen)
    end
  elseif ARGV[i + 2] == '0' then
    local before = tonumber(redis.call('ZSCORE', gone, person) or 0)
    if before < now - ARGV[i + 3] then
      redis.call('ZADD', gone, score(now), person)
      tell(person, status, seen)
    end
  end
end
keep(ARGV[1], gone, telling, was)
return changes
"""
)

# ARGV: people. Answers of those who are here: the person, their status, …
STATUSES = (
    HEAD
    + """
local there = {}
for _, person in ipairs(ARGV) do
  local ends = redis.call('ZSCORE', here, person)
  if ends and tonumber(ends) > now then
    local wakes = redis.call('ZSCORE', awake, person)
    there[#there + 1] = person
    there[#there + 1] = wakes and tonumber(wakes) > now and 'online' or 'away'
  end
end
return there
"""
)

# ARGV: chat, person, seconds for which they are typing; 0: they are not.
SET_TYPING = (
    HEAD
    + """
local key = KEYS[1] .. ':typing:' .. ARGV[1]
redis.call('ZREMRANGEBYSCORE', key, '-inf', score(now))
if tonumber(ARGV[3]) > 0 then
  redis.call('ZADD', key, score(now + ARGV[3]), ARGV[2])
  keep(ARGV[3], key)
else
  redis.call('ZREM', key, ARGV[2])
end
return {}
"""
)

# ARGV: chat. Answers the people who are typing.
TYPING = (
    HEAD
    + """
return redis.call('ZRANGEBYSCORE', KEYS[1] .. ':typing:' .. ARGV[1], '(' .. score(now), '+inf')
"""
)
