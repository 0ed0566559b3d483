-- Changes the block of one prefix in one step:
--   1. takes over what the caller knows, where that is newer than what the key holds (or the key is gone);
--   2. places the block that the caller wants, unless one that ends no earlier stands;
--   3. lifts what is in force then.
-- A lifted block leaves a mark, so that no node takes its key for lost. Each change has a higher revision, at
-- least the server's milliseconds: so it is higher also after the server has lost its data.
--
-- KEYS: the block, the index of its bucket
-- ARGV: 1 known value, 2 its life (ms, -1 for ever); 3 wanted value without its head, 4 its life; 5 whether it may
--       have been placed before; 6 whether to lift, 7 at (us); 8 the life of the mark of a permanent block
-- Returns the value, its life, and the value that was lifted or ''. No value is ''.
local key, index = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function decode(raw)
  if raw == '' then return nil end
  local ok, s = pcall(cjson.decode, raw)
  if not ok or type(s) ~= 'table' or type(s.v) ~= 'number' then return nil end -- not ours: replaced
  if s.v > 1 then return s end
  if type(s.rev) ~= 'number' or type(s.id) ~= 'string' then return nil end
  if not s.lifted and type(s.ends) ~= 'number' then return nil end
  return s
end

local function ends(us) return us == 0 and math.huge or us end

local raw = redis.call('GET', key) or ''
local cur = decode(raw)
if cur and cur.v > 1 then return redis.error_reply('NEWER the value was written by a newer Gatehouse') end
if not cur then raw = '' end
local life = cur and redis.call('PTTL', key) or 0
local changed, lifted = false, ''

local known = decode(ARGV[1])
if known and (not cur or known.rev > cur.rev) then
  raw, cur, life, changed = ARGV[1], known, tonumber(ARGV[2]), true
end

local function become(tail)
  local rev = math.max(now, cur and cur.rev + 1 or 0)
  raw = string.format('{"v":1,"rev":%.0f,', rev) .. tail .. '}'
  cur, changed = decode(raw), true
end

if ARGV[3] ~= '' then
  local want = cjson.decode('{' .. ARGV[3] .. '}')
  local stands
  if not cur then
    stands = false
  elseif cur.lifted then
    stands = ARGV[5] ~= '' and cur.id == want.id
  else
    stands = ends(want.ends) <= ends(cur.ends)
  end
  if not stands then
    become(ARGV[3])
    life = tonumber(ARGV[4])
  end
end

if ARGV[6] ~= '' and cur and not cur.lifted and ends(cur.ends) > tonumber(ARGV[7]) then
  lifted = raw
  become('"id":' .. cjson.encode(cur.id) .. ',"lifted":true')
  if life < 0 then life = tonumber(ARGV[8]) end
end

if cur then
  if changed then
    if life < 0 then
      redis.call('SET', key, raw)
    else
      life = math.max(life, 1)
      redis.call('SET', key, raw, 'PX', string.format('%.0f', life))
    end
  end
  local member = string.match(key, '.*}(.*)$')
  if changed or not redis.call('ZSCORE', index, member) then
    redis.call('ZADD', index, life < 0 and '+inf' or string.format('%.0f', now + life), member)
    redis.call('ZREMRANGEBYSCORE', index, '-inf', string.format('(%.0f', now))
    local last = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')[2]
    if last == 'inf' then
      redis.call('PERSIST', index)
    else
      redis.call('PEXPIREAT', index, last)
    end
  end
end
return {raw, string.format('%.0f', life), lifted}
