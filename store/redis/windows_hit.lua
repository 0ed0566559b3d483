-- Counts one occurrence for each hit.
-- KEYS: the counters. ARGV: now, which key each hit is for (two bytes each; empty
-- if each is for its own), then threshold, window and lifetime of each hit.
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

local now, which = tonumber(ARGV[1]), ARGV[2]
local pack, unpacked = struct.pack, struct.unpack
local values, tallies
if #KEYS <= 1000 then
  values = redis.call('MGET', unpack(KEYS))
else
  values = {}
  for i, key in ipairs(KEYS) do values[i] = redis.call('GET', key) end
end
tallies = {}
local k, a = 0, 3
for i = 1, (#ARGV - 2) / 3 do
  k = i
  if which ~= '' then k = unpacked('>I2', which, i * 2 - 1) + 1 end
  local threshold, window = tonumber(ARGV[a]), tonumber(ARGV[a + 1])
  local value = values[k]
  if not value then
    value = '\1' .. pack('>I5', now % 1099511627776)
    redis.call('SET', KEYS[k], value, 'PX', ARGV[a + 2])
    values[k] = value
    tallies[i] = threshold > 1 and 2 or window * 32768 + 2
  else
    local n, at, oldest = (#value - 1) / 5, now, now
    local plain = string.byte(value) == 1 and n <= threshold
    if plain then
      local ago = (now - unpacked('>I5', value, #value - 4)) % 1099511627776
      if ago >= 549755813888 then at = now - ago + 1099511627776 end
      oldest = at - (at - unpacked('>I5', value, 2)) % 1099511627776
      plain = oldest + window > at
    end
    if not plain then -- some have left, or places are held
      values[k], tallies[i] = seldom(KEYS[k], value, now, threshold, window)
    elseif n >= threshold then
      tallies[i] = (oldest + window - at) * 32768 + n * 2 + 1
    else
      value = value .. pack('>I5', at % 1099511627776)
      redis.call('SET', KEYS[k], value, 'PX', ARGV[a + 2])
      values[k] = value
      n = n + 1
      tallies[i] = n < threshold and n * 2 or (oldest + window - at) * 32768 + n * 2
    end
  end
  a = a + 3
end
return tallies
