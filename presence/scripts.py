"""
What Redis does for presence, each in one atomic step and by its own clock.

Under KEYS[1], the name before all keys, there are

    :leases:<person>   a sorted set: connections, by when the lease of each ends
    :online            a sorted set: people who have not been said to have gone, by when their
                       last lease ends
    :gone              a sorted set: people who have gone, by when that was
    :telling           a sorted set: people who came or went and of whom nobody has confirmed yet to
                       have told, by when they did, or were last given to somebody to tell of them

Nobody is in both of the second and the third: who came is in one, who went in the other.
"""

HEAD = """
local online, gone = KEYS[1] .. ':online', KEYS[1] .. ':gone'
local telling = KEYS[1] .. ':telling'
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000

-- As Lua writes numbers, the microseconds would be rounded away.
local function score(time) return string.format('%.6f', time) end

local function keep(key, seconds)
  local ms = math.ceil(seconds * 1000)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
end

local function set_lease(person, connection, ends)
  local leases = KEYS[1] .. ':leases:' .. person
  redis.call('ZADD', leases, score(ends), connection)
  local last = redis.call('ZREVRANGE', leases, 0, 0, 'WITHSCORES')[2]
  redis.call('ZADD', online, last, person)
  redis.call('PEXPIREAT', leases, math.ceil(last * 1000))
end

-- To be told: three values for each change, the person, whether they came, and when.
local changes = {}

local function tell(person)
  redis.call('ZADD', telling, score(now), person)
  local came = redis.call('ZSCORE', gone, person) and '0' or '1'
  for _, value in ipairs({person, came, score(now)}) do changes[#changes + 1] = value end
end

local function hold(person, connection, seconds)
  redis.call('ZREMRANGEBYSCORE', KEYS[1] .. ':leases:' .. person, '-inf', score(now))
  set_lease(person, connection, now + seconds)
end
"""

# ARGV: seconds, seconds for which who went is remembered; then person, connection, …
# Answers the changes: who came online.
TAKE = (
    HEAD
    + """
for i = 3, #ARGV, 2 do
  local new = not redis.call('ZSCORE', online, ARGV[i])
  redis.call('ZREM', gone, ARGV[i])
  hold(ARGV[i], ARGV[i + 1], ARGV[1])
  if new then tell(ARGV[i]) end
end
keep(online, ARGV[1] + ARGV[2])
keep(telling, ARGV[1] + ARGV[2])
return changes
"""
)

# ARGV as above. Answers the changes: who had gone and is here again.
RENEW = (
    HEAD
    + """
for i = 3, #ARGV, 2 do
  local back = redis.call('ZREM', gone, ARGV[i]) == 1
  hold(ARGV[i], ARGV[i + 1], ARGV[1])
  if back then tell(ARGV[i]) end
end
keep(online, ARGV[1] + ARGV[2])
keep(telling, ARGV[1] + ARGV[2])
return changes
"""
)

# ARGV: seconds; then person, connection, …
RELEASE = (
    HEAD
    + """
local latest = now + ARGV[1]
for i = 2, #ARGV, 2 do
  local ends = redis.call('ZSCORE', KEYS[1] .. ':leases:' .. ARGV[i], ARGV[i + 1])
  if ends and tonumber(ends) > latest then set_lease(ARGV[i], ARGV[i + 1], latest) end
end
return {}
"""
)

# ARGV: how many at most, seconds for which they are remembered, seconds after which what nobody has
# confirmed is given to the next who asks.
# Answers the changes: who has gone, and what is still to be told.
LAPSED = (
    HEAD
    + """
redis.call('ZREMRANGEBYSCORE', gone, '-inf', score(now - ARGV[2]))
local left = redis.call('ZRANGEBYSCORE', online, '-inf', score(now), 'LIMIT', 0, ARGV[1])
for _, person in ipairs(left) do
  redis.call('ZADD', gone, score(now), person)
  redis.call('ZREM', online, person)
  tell(person)
end
for _, person in ipairs(
  redis.call('ZRANGEBYSCORE', telling, '-inf', score(now - ARGV[3]), 'LIMIT', 0, ARGV[1])
) do
  tell(person)
end
keep(gone, ARGV[2])
keep(telling, ARGV[2])
return changes
"""
)

# ARGV: person, when they came or went, …: that has been told.
TOLD = (
    HEAD
    + """
for i = 1, #ARGV, 2 do
  local at = redis.call('ZSCORE', telling, ARGV[i])
  if at and tonumber(at) == tonumber(ARGV[i + 1]) then redis.call('ZREM', telling, ARGV[i]) end
end
return {}
"""
)

# ARGV: seconds for which they are remembered; then person, seconds since they came, …
# Answers the changes: those of whom Redis does not know that they are online, nor that they have
# gone since they came.
CLAIM = (
    HEAD
    + """
for i = 2, #ARGV, 2 do
  local before = tonumber(redis.call('ZSCORE', gone, ARGV[i]) or 0)
  if before < now - ARGV[i + 1] and not redis.call('ZSCORE', online, ARGV[i]) then
    redis.call('ZADD', gone, score(now), ARGV[i])
    tell(ARGV[i])
  end
end
keep(gone, ARGV[1])
keep(telling, ARGV[1])
return changes
"""
)

# ARGV: people. Answers those who are online.
ONLINE = (
    HEAD
    + """
local there = {}
for _, person in ipairs(ARGV) do
  local ends = redis.call('ZSCORE', online, person)
  if ends and tonumber(ends) > now then there[#there + 1] = person end
end
return there
"""
)
