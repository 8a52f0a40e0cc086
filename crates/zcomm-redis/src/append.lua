-- Appends entries to the log of the service.
--
-- Redis runs a script from the first line to the last without a break. So no other server can
-- append between two of these lines, and each entry gets the next number.
--
-- KEYS: the log, the facts about the log, the number of this server's last request.
-- ARGV 1 to 4: the name of the server, the number of its first request, the epoch (the random
-- name) for a new log, the deadline.
-- ARGV 5 and 6: the maximum number of entries in the log, and of bytes in their payloads.
-- ARGV 7: the service of this server, for example an open broadcast.
-- ARGV from 8 on: the kind and the payload of each entry.
local log, facts, last_request = KEYS[1], KEYS[2], KEYS[3]
local server, first, epoch, deadline = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local max_entries, max_bytes, service = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- If another program stores something else in this key, this command fails. Then the script stops
-- before it deletes anything.
redis.call('XLEN', log)

-- The entries are in the log already: the server tries again because it got no answer.
if tonumber(redis.call('GET', last_request) or '0') >= first then
    return {'known', 0, now, ''}
end
-- Too late: the clients that sent these entries have got an error already.
if now > deadline then
    return {'late', 0, now, ''}
end

-- If a fact or the entries are missing, or a fact is wrong, begin a new log. It belongs to this
-- server's service. Readers notice the new epoch.
local function is_number(text)
    return text and string.match(text, '^%-?%d+$') ~= nil
end
local known = redis.call('HMGET', facts, 'epoch', 'seq', 'digest', 'time', 'bytes', 'service', 'ahead')
local whole = known[1] and is_number(known[2]) and known[3] and is_number(known[5])
    and is_number(known[4] or '0') and is_number(known[7] or '0')
-- The newest entry belongs to the log that the facts describe, and has no larger number. (If it is
-- not an entry of this service, the readers stop at it and say so.)
local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
if whole and newest and newest[2][18] == service then
    whole = newest[2][2] == known[1] and tonumber(string.match(newest[1], '^%d+')) <= tonumber(known[2])
end
local other = known[1] and known[6] ~= service
if not (whole or other) or (known[2] ~= '0' and redis.call('EXISTS', log) == 0) then
    redis.call('HSET', facts, 'epoch', epoch, 'seq', 0, 'digest', '', 'bytes', 0, 'service', service)
    redis.call('DEL', log)
    local time, ahead = is_number(known[4]) and known[4], is_number(known[7]) and known[7]
    known = {epoch, 0, '', time, 0, service, ahead}
end
-- A log belongs to one service, because the others do not understand its entries. And a client
-- without a token must not send messages to clients that had to show one.
if known[6] ~= service then
    return {'taken', 0, now, known[6] or ''}
end
epoch = known[1]
local seq, digest, bytes = tonumber(known[2]), known[3], tonumber(known[5])
-- The times of the entries never go back, even if the clock of Redis does. From then on they are
-- ahead of the clock, but they still grow as fast as the clock. All servers read the same times.
local ahead = tonumber(known[7] or '0')
ahead = math.max(ahead, tonumber(known[4] or '0') - now)
local time = now + ahead

for at = 8, #ARGV, 2 do
    local number, payload = first + (at - 8) / 2, ARGV[at + 1]
    local before = digest
    seq = seq + 1
    -- The digest depends on this entry and on all entries before it. So two logs with the same
    -- digest have the same entries. (The digest does not need the payload, because a server never
    -- uses a request number for two payloads.)
    digest = string.sub(redis.sha1hex(before .. ' ' .. epoch .. ' ' .. seq .. ' ' .. server .. ' ' .. number), 1, 8)
    redis.call('XADD', log, seq .. '-0', 'epoch', epoch, 'before', before, 'digest', digest,
        'server', server, 'number', number, 'kind', ARGV[at], 'time', time, 'payload', payload,
        'service', service, 'wall', now)
    bytes = bytes + #payload
end
redis.call('HSET', facts, 'seq', seq, 'digest', digest, 'time', time, 'bytes', bytes,
    'ahead', ahead)
redis.call('SET', last_request, first + (#ARGV - 7) / 2 - 1, 'EX', 3600)

-- Remove the oldest entries of a log that is too large. The newest entry stays.
local entries = redis.call('XLEN', log)
while entries > 1 and (entries > max_entries or bytes > max_bytes) do
    local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    redis.call('XDEL', log, oldest[1])
    -- In Lua, the negative of 0 is `-0`, and Redis refuses `-0`. A sign of life can have 0 bytes.
    bytes = redis.call('HINCRBY', facts, 'bytes', 0 - #oldest[2][16])
    entries = entries - 1
end
return {'done', seq, now, ''}
