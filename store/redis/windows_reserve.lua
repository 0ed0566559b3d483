-- Holds a place, or gets in line. Asking again with the same ID is the same
-- request: it is answered as the first, and keeps its turn alive.
-- KEYS: the counter. ARGV: now, threshold, window, ID, node, how many may wait
-- (0: this one may not).
-- Returns the answer (1 held, 2 full, 3 waiting, 4 taken, 5 crowded), a tally, and
-- in how many ms a place gets free without anybody's doing.
-- include windows_gate.lua
local id, node, most = ARGV[4], ARGV[5], tonumber(ARGV[6])
local s = parse(KEYS[1], redis.call('GET', KEYS[1]))
settle(s, tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]))
answer(s)
local place = find(s.held, HELD, id)
if place and instant(s.held, place + 8, s.now) <= s.now then -- the news of it never came
  s.held = take(s.held, HELD, id)
  place = nil
end
local said
if place then
  said = 1
elseif s.n >= s.threshold then
  said = 2
elseif s.n + s.active < s.threshold then -- then nobody waits
  hold(s, id)
  said = 1
elseif most == 0 then
  said = 4
else
  local clock = wall()
  local at = find(s.line, WAITER, id)
  if not at and #s.line >= most * WAITER then -- those who have died make room
    local alive = {}
    for i = 1, #s.line, WAITER do
      if clock - instant(s.line, i + 16, clock) <= WAITER_LIVES then
        alive[#alive + 1] = sub(s.line, i, i + WAITER - 1)
      end
    end
    s.line = table.concat(alive)
  end
  if at then
    s.line = sub(s.line, 1, at + 15) .. stored(clock) .. sub(s.line, at + WAITER)
    said = 3
  elseif #s.line >= most * WAITER then
    said = 5
  else
    s.line = s.line .. id .. node .. stored(clock)
    said = 3
  end
end
local change = TTL
if said == 3 then
  for i = 1, #s.held, HELD do
    local left = instant(s.held, i + 8, s.now) - s.now
    if left > 0 and left < change then change = left end
  end
  if s.n > 0 then change = math.min(change, instant(s.times, 1, s.now) + s.window - s.now) end
end
save(s)
return {said, tally(s, said == 2), change}
