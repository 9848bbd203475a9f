-- Sliding counts. KEYS: one hash per limit, step -> count. ARGV[1]: 1 = look only; ARGV[2]: account or "";
-- then for each key: length of a step in ms, the most that passes (-1: no test), how many to add.
-- Gives the place of the first limit that is reached (0: none, and all were counted; -1: the account is locked).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local steps = 12
if ARGV[2] ~= '' and redis.call('HEXISTS', 'stafett:locks', ARGV[2]) == 1 then return -1 end
local function total(key, step)
  local all, sum = redis.call('HGETALL', key), 0
  for i = 1, #all, 2 do
    local at = tonumber(all[i])
    if at < step - steps or at > step + steps then redis.call('HDEL', key, all[i]) else sum = sum + all[i + 1] end
  end
  return sum
end
local reached = 0
for i, key in ipairs(KEYS) do
  local length, most, add = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
  local sum = total(key, math.floor(now / length))
  if most >= 0 and sum + math.max(add, 1) > most then reached = i break end
  if add < 0 and sum + add < 0 then ARGV[3 * i + 2] = -sum end
end
if reached ~= 0 or ARGV[1] == '1' then return reached end
for i, key in ipairs(KEYS) do
  local length, add = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 2])
  if add < 0 then
    -- from the newest step backwards: a negative step would outlive what it takes back
    local step, left = math.floor(now / length), -add
    for at = step, step - steps, -1 do
      local field = string.format('%.0f', at)
      local taken = math.min(left, math.max(0, tonumber(redis.call('HGET', key, field) or '0')))
      if taken > 0 then redis.call('HINCRBY', key, field, string.format('%.0f', -taken)) end
      left = left - taken
    end
  elseif add > 0 then
    redis.call('HINCRBY', key, string.format('%.0f', math.floor(now / length)), string.format('%.0f', add))
    redis.call('PEXPIRE', key, length * (steps + 1))
  end
end
return 0
