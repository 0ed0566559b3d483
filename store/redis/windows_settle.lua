-- Ends a reservation, or the wait for one.
-- KEYS: the counter. ARGV: now, threshold, window, ID, outcome (1 failed,
-- 2 succeeded, 3 abandoned).
-- Returns a tally.
-- include windows_gate.lua
local id, outcome = ARGV[4], ARGV[5]
local s = parse(KEYS[1], redis.call('GET', KEYS[1]))
settle(s, tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]))
local at = find(s.held, HELD, id)
local over = false
if at then
  if instant(s.held, at + 8, s.now) > s.now then s.active = s.active - 1 end
  s.held = take(s.held, HELD, id)
  if outcome == '1' then
    over = count(s)
  elseif outcome == '2' then
    s.times, s.n = '', 0
  end
else
  s.line = take(s.line, WAITER, id)
end
answer(s)
save(s)
return tally(s, over)
