-- Clears counters. Held places stay, and those who wait take the room.
-- KEYS: the counters.
-- include windows_gate.lua
local clock
for _, key in ipairs(KEYS) do
  local s = parse(key, redis.call('GET', key))
  if s.held == '' and s.line == '' then
    redis.call('DEL', key)
  else -- at the latest instant that the counter knows of
    clock = clock or wall()
    local latest
    if s.times ~= '' then latest = instant(s.times, #s.times - 4, clock) end
    for i = 1, #s.held, HELD do
      local since = instant(s.held, i + 8, clock) - TTL
      if not latest or since > latest then latest = since end
    end
    s.times = ''
    settle(s, latest or clock, s.threshold, s.window)
    answer(s)
    save(s)
  end
end
return redis.status_reply('OK')
