"""
What Redis does for presence, each in one atomic step and by its own clock.

Under KEYS[1], the name before all keys, there are

    :leases:<person>   a sorted set: connections, by when the lease of each ends
    :online            a sorted set: people who have not been said to have gone, by when their
                       last lease ends
    :told              a sorted set: people who were said to have gone, by when that was

Nobody is in both of the last two.
"""

HEAD = """
local online, told = KEYS[1] .. ':online', KEYS[1] .. ':told'
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

local function hold(person, connection, seconds)
  redis.call('ZREMRANGEBYSCORE', KEYS[1] .. ':leases:' .. person, '-inf', score(now))
  set_lease(person, connection, now + seconds)
end
"""

# ARGV: seconds, seconds for which who went is remembered; then person, connection, …
# Answers the people who came online.
TAKE = (
    HEAD
    + """
local came = {}
for i = 3, #ARGV, 2 do
  if not redis.call('ZSCORE', online, ARGV[i]) then came[#came + 1] = ARGV[i] end
  redis.call('ZREM', told, ARGV[i])
  hold(ARGV[i], ARGV[i + 1], ARGV[1])
end
keep(online, ARGV[1] + ARGV[2])
return came
"""
)

# ARGV as above. Answers the people who had been said to have gone.
RENEW = (
    HEAD
    + """
local back = {}
for i = 3, #ARGV, 2 do
  if redis.call('ZREM', told, ARGV[i]) == 1 then back[#back + 1] = ARGV[i] end
  hold(ARGV[i], ARGV[i + 1], ARGV[1])
end
keep(online, ARGV[1] + ARGV[2])
return back
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

# ARGV: how many at most, seconds for which they are remembered.
# Answers people who have gone, who from now on have been told.
LAPSED = (
    HEAD
    + """
redis.call('ZREMRANGEBYSCORE', told, '-inf', score(now - ARGV[2]))
local gone = redis.call('ZRANGEBYSCORE', online, '-inf', score(now), 'LIMIT', 0, ARGV[1])
for _, person in ipairs(gone) do
  redis.call('ZADD', told, score(now), person)
  redis.call('ZREM', online, person)
end
keep(told, ARGV[2])
return gone
"""
)

# ARGV: seconds for which they are remembered; then person, seconds since they came, …
# Answers those of whom Redis does not know that they are online, nor that anybody was told since
# they came that they have gone.
CLAIM = (
    HEAD
    + """
local gone = {}
for i = 2, #ARGV, 2 do
  local before = tonumber(redis.call('ZSCORE', told, ARGV[i]) or 0)
  if before < now - ARGV[i + 1] and not redis.call('ZSCORE', online, ARGV[i]) then
    redis.call('ZADD', told, score(now), ARGV[i])
    gone[#gone + 1] = ARGV[i]
  end
end
keep(told, ARGV[1])
return gone
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
