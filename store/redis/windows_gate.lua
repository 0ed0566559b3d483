-- The state of a counter, and what all scripts do with it. doc.go describes the
-- value. Times are ms since 1970, of which the lower 40 bits are stored.
local WRAP, HALF = 1099511627776, 549755813888
local TTL, LAPSED, SLACK = 30000, 600000, 10000
local WAITER_LIVES = 3000
local HELD, WAITER = 13, 21 -- bytes
local sub = string.sub
local pack, unpacked = struct.pack, struct.unpack

-- The instant next to near that is stored at pos.
local function instant(s, pos, near)
  local ago = (near - unpacked('>I5', s, pos)) % WRAP
  if ago >= HALF then ago = ago - WRAP end
  return near - ago
end

local function stored(ms) return pack('>I5', ms % WRAP) end

-- Splits a value into times, held places and waiters.
local function parse(key, value)
  local s = {key = key, was = value, times = '', held = '', line = ''}
  if not value then return s end
  local version = string.byte(value)
  if version == 1 then
    s.times = sub(value, 2)
  elseif version == 2 then
    local held, line
    held, line, s.threshold, s.window = unpacked('>I2I2I2I4', value, 2)
    local at = 12
    s.held = sub(value, at, at + held * HELD - 1)
    at = at + held * HELD
    s.line = sub(value, at, at + line * WAITER - 1)
    s.times = sub(value, at + line * WAITER)
  else
    error('a counter of an unknown version')
  end
  return s
end

-- Brings the state to an instant and a limit: drops what no longer counts, and
-- sets n, oldest, and how many places are held.
local function settle(s, now, threshold, window)
  s.threshold, s.window = threshold, window
  local n, from = #s.times / 5, 1
  if n > 0 then
    now = math.max(now, instant(s.times, n * 5 - 4, now))
    from = math.max(from, n - threshold + 1)
    local to = n + 1 -- the first to keep is in [from, to]
    if instant(s.times, from * 5 - 4, now) + window > now then to = from end
    while from < to do
      local mid = math.floor((from + to) / 2)
      if instant(s.times, mid * 5 - 4, now) + window > now then to = mid else from = mid + 1 end
    end
    if from > 1 then s.times = sub(s.times, from * 5 - 4) end
    n = n - from + 1
  end
  s.now, s.n, s.active = now, n, 0
  local lapsed = 0 -- so many, of the oldest, are not worth remembering
  local places = #s.held / HELD
  for i = 1, places do
    local expires = instant(s.held, i * HELD - 4, now)
    if expires > now then
      s.active = s.active + 1
    elseif i == lapsed + 1 and (expires - TTL + LAPSED <= now or places - lapsed > 2 * threshold + 64) then
      lapsed = i
    end
  end
  if lapsed > 0 then s.held = sub(s.held, lapsed * HELD + 1) end
end

-- How long until the window has room, in ms; zero while it has.
local function retry(s)
  if s.n < s.threshold then return 0 end
  return instant(s.times, 1, s.now) + s.window - s.now
end

local function tally(s, over) return retry(s) * 32768 + s.n * 2 + (over and 1 or 0) end

-- Counts one occurrence and reports whether there was no room.
local function count(s)
  if s.n >= s.threshold then return true end
  s.times = s.times .. stored(s.now)
  s.n = s.n + 1
  return false
end

-- The position of an ID in a list of entries of some size.
local function find(list, size, id)
  local at = string.find(list, id, 1, true)
  while at and (at - 1) % size ~= 0 do at = string.find(list, id, at + 1, true) end
  return at
end

-- Takes an ID out of a list and reports whether it was there.
local function take(list, size, id)
  local at = find(list, size, id)
  if not at then return list, false end
  return sub(list, 1, at - 1) .. sub(list, at + size), true
end

local function hold(s, id)
  s.held = s.held .. id .. stored(s.now + TTL)
  s.active = s.active + 1
end

-- The server's own clock: by it waiters live and die.
local function wall()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Answers those who wait, in their order, as far as can be, and tells their
-- nodes.
local function answer(s)
  local full = s.n >= s.threshold
  if s.line == '' or not full and s.n + s.active >= s.threshold then return end
  local at, news, clock = 1, {}, wall()
  while at < #s.line and (full or s.n + s.active < s.threshold) do
    local id, node = sub(s.line, at, at + 7), sub(s.line, at + 8, at + 15)
    if clock - instant(s.line, at + 16, clock) <= WAITER_LIVES then
      if not full then hold(s, id) end
      news[node] = (news[node] or '') .. id .. pack('>I8', tally(s, full))
    end
    at = at + WAITER
  end
  s.line = sub(s.line, at)
  for node, text in pairs(news) do
    redis.call('PUBLISH', sub(s.key, 1, -20) .. 'n1:' .. node, text)
  end
end

local function save(s)
  local value
  local ttl = s.window + math.floor(s.window / 8) -- as in windows.go
  if s.held ~= '' or s.line ~= '' then
    value = '\2' .. pack('>I2I2I2I4', #s.held / HELD, #s.line / WAITER, s.threshold, s.window) ..
      s.held .. s.line .. s.times
    ttl = math.max(ttl, LAPSED)
  elseif s.times ~= '' then
    value = '\1' .. s.times
  elseif s.was then
    return redis.call('DEL', s.key)
  end
  s.value = value
  if value and value ~= s.was then redis.call('SET', s.key, value, 'PX', ttl + SLACK) end
end
