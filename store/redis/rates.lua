-- Charges each rate limit with its cost, or none if one has no room for it.
-- KEYS: the limits. ARGV: now; algorithm, threshold, window and cost of each (1,
-- 2, 4 and 2 bytes). The values are described in rates.go.
-- Returns two numbers for each: what remains, whether it is over and when all
-- remains again; and when there is room for the cost.
local unpacked, pack, floor, KEYS = struct.unpack, struct.pack, math.floor, KEYS
local now, limits = ARGV[1] + 0, ARGV[2]
local values = redis.call('MGET', unpack(KEYS))

-- What was found of each: the time that counts, what is used of a window or of a
-- bucket, and where in the value of a window begins what counts.
local times, uses, begins, fit = {}, {}, {}, true

-- window finds out how a sliding window stands.
local function window(i, value, threshold, length)
  local t, used, at = now, 0, 1
  if value and value:byte() == 1 then
    local newest
    newest, used, at = unpacked('>I6', value, #value - 7), unpacked('>I2', value, 2), 4
    if newest > t then t = newest end
    while used > 0 do
      local when, n = unpacked('>I6I2', value, at)
      if when + length > t and used <= threshold then break end
      if when + length > t and used - n < threshold then -- the limit is smaller now: the newest stay
        n = used - threshold
        values[i] = value:sub(1, at + 5) .. pack('>I2', unpacked('>I2', value, at + 6) - n) .. value:sub(at + 8)
        used = threshold
        break
      end
      used, at = used - n, at + 8
    end
  end
  times[i], uses[i], begins[i] = t, used, at
  return used
end

-- bucket finds out how full one of GCRA is, in units of which threshold drain in
-- a millisecond and as many as the window has milliseconds make a cost of 1.
local function bucket(i, value, threshold, length)
  local t, level = now, 0
  if value and value:byte() == 2 then
    local by, of, newest, was = unpacked('>I2I4I6I6', value, 2)
    if newest > t then t = newest end
    level = was - (t - newest) * by
    if level < 0 then level = 0 end
    if by ~= threshold or of ~= length then
      local units = floor((level + of - 1) / of)
      if units > threshold then units = threshold end
      level = units * length -- what has drained until now did so by the old limit
      redis.call('SET', KEYS[i], pack('>BI2I4I6I6', 2, threshold, length, t, level), 'PX', length + 10000)
    end
  end
  times[i], uses[i] = t, level
  return level
end

for i = 1, #KEYS do
  local algorithm, threshold, length, cost = unpacked('>BI2I4I2', limits, i * 9 - 8)
  local room
  if algorithm == 0 then
    room = window(i, values[i], threshold, length) + cost <= threshold
  else
    room = bucket(i, values[i], threshold, length) + cost * length <= threshold * length
  end
  if not room then fit = false end
end

local answers = {}
for i = 1, #KEYS do
  local algorithm, threshold, length, cost = unpacked('>BI2I4I2', limits, i * 9 - 8)
  local t, used, remains, over, reset, retry = times[i], uses[i], 0, 0, 0, 0
  if algorithm == 0 then
    local value, at = values[i], begins[i]
    if fit then
      local kept, entry = used > 0 and value:sub(at) or '', pack('>I6', t)
      if kept:sub(-8, -3) == entry then -- the same millisecond
        kept, entry = kept:sub(1, -9), entry .. pack('>I2', unpacked('>I2', kept, #kept - 1) + cost)
      else
        entry = entry .. pack('>I2', cost)
      end
      used = used + cost
      redis.call('SET', KEYS[i], pack('>BI2', 1, used) .. kept .. entry, 'PX', length + 10000)
      reset = length
    else
      if used > 0 then reset = unpacked('>I6', value, #value - 7) + length - t end
      local leave = used + cost - threshold
      if leave > 0 then
        over = 1
        if cost <= threshold then
          local when, n
          repeat
            when, n = unpacked('>I6I2', value, at)
            leave, at = leave - n, at + 8
          until leave <= 0
          retry = when + length - t
        end
      end
    end
    remains = threshold - used
  else
    local most = threshold * length
    if fit then
      used = used + cost * length
    elseif used + cost * length > most then
      over = 1
      if cost <= threshold then retry = floor((used + cost * length - most + threshold - 1) / threshold) end
    end
    reset, remains = floor((used + threshold - 1) / threshold), floor((most - used) / length)
    if fit then
      redis.call('SET', KEYS[i], pack('>BI2I4I6I6', 2, threshold, length, t, used), 'PX', reset + 10000)
    end
  end
  answers[i * 2 - 1], answers[i * 2] = reset * 32768 + remains * 2 + over, retry
end
return answers
