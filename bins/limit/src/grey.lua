-- Greylisting. KEYS: triplet, network. ARGV: wait, window, lifetime in seconds, trust, 1 = look only.
-- Gives for how many seconds the mail must wait.
local now = tonumber(redis.call('TIME')[1])
local wait, trust, look = tonumber(ARGV[1]), tonumber(ARGV[4]), ARGV[5] == '1'
if trust > 0 and tonumber(redis.call('GET', KEYS[2]) or '0') >= trust then
  if not look then redis.call('EXPIRE', KEYS[2], ARGV[3]) end
  return 0
end
local seen = redis.call('GET', KEYS[1])
if seen == 'passed' then
  if not look then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
  return 0
end
local first = tonumber(seen or '')
if not first or first > now then
  if not look then redis.call('SET', KEYS[1], string.format('%.0f', now), 'EX', ARGV[2]) end
  return wait
end
if now - first < wait then return wait - (now - first) end
if not look then
  redis.call('SET', KEYS[1], 'passed', 'EX', ARGV[3])
  if trust > 0 then
    redis.call('INCR', KEYS[2])
    redis.call('EXPIRE', KEYS[2], ARGV[3])
  end
end
return 0
