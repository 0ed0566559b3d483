-- Counts one occurrence for each hit.
-- KEYS: the counters. ARGV: now, now as it is stored, which key each hit is for
-- (two bytes each; empty if each is for its own), threshold and window of each
-- hit (two and four bytes), then the lifetime for each.
-- Returns a tally for each.
local function seldom(key, value, now, threshold, window)
  -- include windows_gate.lua
  local s = parse(key, value)
  settle(s, now, threshold, window)
  local over = count(s)
  answer(s)
  save(s)
  return s.value, tally(s, over)
end

local unpacked, call, KEYS, ARGV = struct.unpack, redis.call, KEYS, ARGV
local now, stored, which, limits = ARGV[1] + 0, ARGV[2], ARGV[3], ARGV[4]
local values
if #KEYS <= 1000 then
  values = call('MGET', unpack(KEYS))
else
  values = {}
  for i, key in ipairs(KEYS) do values[i] = call('GET', key) end
end
local tallies = {}
for i = 1, #limits / 6 do
  local k = i
  if which ~= '' then k = unpacked('>I2', which, i * 2 - 1) + 1 end
  local value, threshold, window = values[k], unpacked('>I2I4', limits, i * 6 - 5)
  if not value then
    value = '\1' .. stored
    values[k] = value
    call('SET', KEYS[k], value, 'PX', ARGV[i + 4])
    tallies[i] = threshold > 1 and 2 or window * 32768 + 2
  else
    -- Mostly nothing has left the window, nobody holds a place, and the clock
    -- has gone on: then it is enough to look at the oldest and the newest.
    local n, version, oldest = (#value - 1) / 5, unpacked('>BI5', value)
    local newest = oldest
    if n > 1 then newest = unpacked('>I5', value, #value - 4) end
    oldest, newest = (now - oldest) % 1099511627776, (now - newest) % 1099511627776 -- ago
    if version ~= 1 or n > threshold or oldest >= window or newest >= window then
      values[k], tallies[i] = seldom(KEYS[k], value, now, threshold, window)
    elseif n >= threshold then
      tallies[i] = (window - oldest) * 32768 + n * 2 + 1
    else
      value = value .. stored
      values[k] = value
      if newest <= now % (window / 8) then -- in the same period: see windows.go
        call('SET', KEYS[k], value, 'KEEPTTL')
      else
        call('SET', KEYS[k], value, 'PX', ARGV[i + 4])
      end
      n = n + 1
      tallies[i] = n < threshold and n * 2 or (window - oldest) * 32768 + n * 2
    end
  end
end
return tallies
