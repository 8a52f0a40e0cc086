"use strict";
// The part of the chat that draws nothing: the session, the positions, the outbox, and a connection that reconnects.
// The page (chat.js) sets the callbacks in `on`.
//
// Four ideas recover the messages after a broken connection:
//   position  the server numbers the messages of each room; a client reconnects with the last number that it has seen
//   gap       the server names the messages that it no longer has, and the page shows that these messages are lost
//   outbox    a message stays here until it is in the server's log; without an ack, it is sent again with the same id
//   back-off  the delay before a new attempt is random, and its limit doubles; after a refusal there is no new attempt

const on = {
  socket: () => {}, // (socket): a new connection
  state: () => {}, // (state, sentence): the state of the connection
  message: () => {}, // (message): a new message from the server
  settled: () => {}, // (id, ack): our message is in the log
  failed: () => {}, // (id, sentence): our message was not sent
};

// ---- The user. After a reload, the page still has all these values.

const newSelf = (server, token, name) => ({
  server,
  token,
  wanted: name, // the name that the user typed
  name, // the name that the server gave
  session: null, // a secret: a connection with this session is the same user
  epoch: null, // identifies one run of the server; positions of another run are not valid
  rooms: ["lobby"], // the rooms that we have joined
  people: [], // the users of our private chats
  positions: new Map(), // room → the last message that we have seen: { epoch, seq, digest }
  outbox: [], // messages that the server has not confirmed yet
  sent: [], // the ids of our latest messages
  numbers: [], // our client ids on this server; a message is ours if `sent` has its id and `numbers` has its client id
});
let me = null;

// Each tab has its own session storage, so two tabs are two users. We save `me` when the page is hidden, because a
// browser may end a hidden page at any time. We delete the saved `me` when the page is visible again. So a copy of
// this tab finds no session and becomes another user.
const STORE = "zcomm-chat";
const remember = () => {
  const plain = (_, value) => (value instanceof Map ? [...value] : value);
  try {
    if (me) sessionStorage.setItem(STORE, JSON.stringify(me, plain));
  } catch {
    // Without storage, the chat works, but a reload starts a new session.
  }
};
const recall = () => {
  try {
    const saved = JSON.parse(sessionStorage.getItem(STORE));
    forget();
    return saved && { ...saved, positions: new Map(saved.positions) };
  } catch {
    return null;
  }
};
const forget = () => {
  try {
    sessionStorage.removeItem(STORE);
  } catch {
    // Without storage there is nothing to clear.
  }
};

// ---- Positions: 64-bit numbers as strings, because a JavaScript number is exact only up to 2⁵³.

const EVERYONE = "*"; // the name of the server's own log in a `gap`
const INBOX = "@"; // the name of the log of our private messages
const epochs = new Map(); // the epoch of each room that we have joined
const epochOf = (log) => {
  if (log === INBOX) return me.session; // the positions of a new session start at 1
  return log === EVERYONE ? me.epoch : epochs.get(log);
};
const advance = (log, seq, digest) => {
  const last = me.positions.get(log);
  const epoch = epochOf(log);
  if (last?.epoch !== epoch) me.positions.set(log, { epoch, seq, digest });
  else if (BigInt(seq) <= BigInt(last.seq)) return false; // we have seen this message already
  else Object.assign(last, { seq, digest });
  return true;
};
// What we show to a server: the position, and the digest of the message there. Several servers use digests, because a
// Redis that loses messages gives their positions to other messages.
const seen = (log) => {
  const { seq, digest } = me.positions.get(log) ?? {};
  return digest ? `${seq}:${digest}` : seq;
};
const reached = (log, seq) => {
  const last = me.positions.get(log);
  return last?.epoch === epochOf(log) && BigInt(last.seq) >= BigInt(seq);
};

// After a reload the page is empty, so it asks for the last 50 messages of each log again.
const REPLAY = 50n;
const rewind = () => {
  for (const position of me.positions.values()) {
    const seq = [position.seq, position.read ?? 0].map(BigInt).reduce((a, b) => (a > b ? a : b));
    position.read = String(seq); // messages up to here are not new
    position.seq = String(seq > REPLAY ? seq - REPLAY : 0n);
    delete position.digest; // it is the digest of another message
  }
};

// ---- The outbox. The page sends one message at a time and waits for its ack. So the messages stay in order, and the
// page does not send too fast for the rate limit.

const MAX_OUTBOX = 100;
const ACK_LIMIT = 15_000; // ms; without an ack, we then send the message again (the server drops a second copy)
let inFlight = null; // { id, since }
let pausedUntil = 0;

const post = (message) => {
  if (me.outbox.length >= MAX_OUTBOX) return null;
  const entry = { ...message, id: randomWord() };
  me.outbox.push(entry);
  me.sent = [...me.sent, entry.id].slice(-4 * MAX_OUTBOX);
  flush();
  return entry;
};
// A room is ready when we have read its log up to the position of our join, or after CATCH_UP_LIMIT. Until then, we
// send no message to the room, because the log may already contain the message.
const ready = new Set();
const flush = () => {
  if (!welcomed || inFlight || performance.now() < pausedUntil) return;
  const next = me.outbox.find(({ type, room }) => type !== "chat" || ready.has(room));
  if (!next) return;
  inFlight = { id: next.id, since: performance.now() };
  transmit(next);
};
const remove = (id) => {
  const index = me.outbox.findIndex((entry) => entry.id === id);
  if (index >= 0) me.outbox.splice(index, 1);
  if (inFlight?.id === id) inFlight = null;
  return index >= 0;
};
const settle = (id, ack) => {
  remove(id);
  on.settled(id, ack);
  flush();
};
const fail = (id, sentence) => {
  if (remove(id)) on.failed(id, sentence);
  flush();
};
// The server cannot accept a request now. After the pause, we send each request without an answer again. A second copy
// of a request does no harm.
const pause = (ms) => {
  inFlight = null;
  pausedUntil = performance.now() + ms;
  setTimeout(() => {
    for (const room of joining.splice(0)) if (welcomed) join(room);
    flush();
  }, ms + 10);
};

// ---- The connection.

const LOWEST = 500; // ms: the limit of the first delay
const HIGHEST = 30_000; // ms: the limit doubles after each failure, up to this value
const STABLE = 5_000; // ms: a connection that lasts this long resets the delay
const CONNECT_LIMIT = 10_000; // ms
let socket = null; // the newest socket; events of older sockets are ignored
let welcomed = false;
let failures = 0; // failed attempts in a row
let waiting = null; // { until, timer }
let deadline = Infinity; // the time (performance.now) by which the server must send a message
let maxSilence = Infinity; // ms that the server may be silent

const connect = () => {
  reset();
  socket?.close(4000, "Another attempt"); // the old socket may still be connecting; code 1000 would end our session
  // A page cannot set a header on a WebSocket, so the token and the session are in the URL. wss:// encrypts the URL.
  const url = new URL(me.server);
  url.hash = "";
  const query = { attempt: randomWord(), token: me.token, name: me.wanted, session: me.session };
  if (me.session) Object.assign(query, { direct: seen(INBOX), broadcast: seen(EVERYONE) });
  for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, value);

  const ws = new WebSocket(url);
  let opened = false;
  socket = ws;
  on.socket(ws);
  deadline = performance.now() + CONNECT_LIMIT;
  on.state("connecting", "Connecting: waiting for the answer to the handshake.");
  ws.addEventListener("open", () => (opened = true));
  ws.addEventListener("message", ({ data }) => ws === socket && receive(data));
  ws.addEventListener("close", (event) => ws === socket && ended(ws, opened, event));
};

const transmit = (message) => {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
};

// Returns whether a refused handshake is final: no new attempt. Only 408, 429 and 5xx mean "try again later".
const isFinal = (status) => status < 500 && ![408, 429].includes(status); // false for undefined

const ended = async (ws, opened, event) => {
  if (event.code === 1009 && inFlight) {
    fail(inFlight.id, "not sent: too big for this server"); // otherwise we would send the message again and again
    return retry(`Closed: ${explain(event)}`);
  }
  reset();
  if (wantsToken(event)) {
    stop("refused", `Closed: ${explain(event)}`);
    const advice = await tokenAdvice(ws);
    return socket === null && on.state("refused", `Closed: ${explain(event)}. ${advice}`); // no newer connection
  }
  if (!mayRetry(event)) return stop([1000, 1005].includes(event.code) ? "closed" : "refused", `Closed: ${explain(event)}`);
  if (event.code !== 1006) return retry(`Closed: ${explain(event)}.`);
  // If the connection was open, the server did not refuse it. So we plan a new attempt before we ask for the reason.
  if (opened) retry("The connection broke.");
  const { status, sentence } = await why(ws, opened);
  if (ws !== socket) return; // there is a newer connection
  if (isFinal(status)) return stop("refused", `Not connected: ${sentence}`);
  if (opened) return waiting && on.state("waiting", `Not connected: ${sentence}`);
  retry(`Not connected: ${sentence}`);
};

// Clears the state of the connection. `me` keeps the state of the session.
const reset = () => {
  clearTimeout(waiting?.timer);
  waiting = null;
  welcomed = false;
  inFlight = null;
  deadline = Infinity;
  ready.clear();
  targets.clear();
  epochs.clear();
};
// Full jitter: a random delay from 0 to the limit. So the clients of a restarted server do not all reconnect at once.
const retry = (sentence) => {
  reset();
  const limit = Math.min(HIGHEST, LOWEST * 2 ** failures);
  failures += 1;
  const delay = Math.random() * limit;
  waiting = { until: performance.now() + delay, timer: setTimeout(connect, delay) };
  on.state("waiting", sentence);
};
const stop = (state, sentence) => {
  reset();
  const ws = socket;
  socket = null;
  ws?.close(1000, "Goodbye");
  on.state(state, sentence);
};

// The browser answers pings itself, and a page cannot receive or send pings. So the server also sends heartbeat
// messages. If no message arrives in time, the page drops the connection and reconnects.
const watch = () => {
  if (performance.now() > deadline) {
    const ws = socket;
    socket = null;
    ws?.close(4000, "Heartbeat timeout");
    retry("The server sent nothing for too long.");
  } else if (inFlight && performance.now() > inFlight.since + ACK_LIMIT) {
    inFlight = null;
    flush();
  }
};
setInterval(watch, 1000);

// Timers are slow in a background tab and stop while a laptop sleeps. When the page is visible again, it tries to
// reconnect after a short delay. If the page is connected, it tests the connection with a ping message.
const wake = () => {
  if (waiting && waiting.until > performance.now() + LOWEST) {
    failures = 0;
    retry("Not connected: trying again now.");
  } else if (welcomed && deadline - performance.now() < maxSilence - 5000) {
    transmit({ type: "ping" });
    deadline = Math.min(deadline, performance.now() + 5000);
  }
};
for (const event of ["online", "focus"]) window.addEventListener(event, wake);
document.addEventListener("visibilitychange", () => document.hidden || wake());

// ---- Messages from the server.

const joining = []; // rooms whose join has no answer yet
const join = (room) => {
  joining.push(room);
  const epoch = me.positions.get(room)?.epoch;
  transmit({ type: "join", room, epoch, since: seen(room) }); // JSON.stringify leaves out undefined values
};
const enterRoom = (room) => {
  if (!me.rooms.includes(room)) me.rooms.push(room);
  join(room);
};
const leave = (room) => {
  me.rooms = me.rooms.filter((other) => other !== room);
  for (const { id } of me.outbox.filter((entry) => entry.room === room)) fail(id, "not sent: you left the room");
  me.positions.delete(room);
  epochs.delete(room);
  ready.delete(room);
  transmit({ type: "leave", room });
};
// Every client chooses its own message ids, so another client can use one of ours. So we also compare the client id.
const isOurs = ({ id, client_id }) => me.numbers.includes(client_id) && me.sent.includes(id);
// Returns a function that receives the messages of a log, and shows each message once. A message of our own in the log
// also proves that the server has this message, as an ack does.
const numbered = (log) => (message) => {
  const room = log ?? message.room;
  const { id, seq, digest } = message;
  if (epochOf(room) === undefined || !advance(room, seq, digest)) return; // we have left the room, or have seen the message
  on.message(message);
  if (isOurs(message) && remove(id)) on.settled(id);
  catchUp(room);
};
const CATCH_UP_LIMIT = 3000; // ms; after this time we send to the room, even if a message may then arrive twice
const targets = new Map(); // room → the position at which the room is ready
const catchUp = (room) => {
  if (targets.has(room) && reached(room, targets.get(room))) makeReady(room);
};
const makeReady = (room) => {
  if (epochs.has(room)) ready.add(room);
  flush();
};

let alone = false; // the server is one of several, and cannot reach the others

// We read a new log from its end, and a restarted log from its beginning.
const startAt = (log, epoch, end, digest) => {
  const last = me.positions.get(log);
  if (last?.epoch !== epoch) me.positions.set(log, last ? { epoch, seq: "0" } : { epoch, seq: end, digest });
};
const receivers = new Map(
  Object.entries({
    welcome(message) {
      const { name, session, epoch, direct, broadcast, broadcast_digest, heartbeat_seconds, client_id } = message;
      maxSilence = (2 * heartbeat_seconds + 5) * 1000;
      on.message(message); // first, because the page compares the message with the old state
      const numbers = epoch === me.epoch ? me.numbers : []; // another run of the server uses new client ids
      me.numbers = [...numbers.filter((number) => number !== client_id), client_id].slice(-20);
      Object.assign(me, { name, session, epoch });
      startAt(INBOX, session, direct);
      startAt(EVERYONE, epoch, broadcast, broadcast_digest);
      welcomed = true;
      const ws = socket;
      setTimeout(() => ws === socket && welcomed && (failures = 0), STABLE); // not after this connection has ended
      on.state("connected", `You are ${name}.`);
      joining.length = 0;
      me.rooms.forEach(join);
      flush();
    },
    joined(message) {
      const { room, epoch, seq, recovered } = message;
      if (joining.includes(room)) joining.splice(joining.indexOf(room), 1);
      if (!me.rooms.includes(room)) return; // we have left the room meanwhile
      on.message(message);
      epochs.set(room, epoch);
      const last = me.positions.get(room);
      const pastEnd = last?.epoch === epoch && BigInt(last.seq) > BigInt(seq); // a position that this log never had
      if (pastEnd) me.positions.delete(room);
      if (!recovered && seq === "0" && !last) me.positions.set(room, { epoch, seq });
      targets.set(room, seq);
      catchUp(room);
      const ws = socket;
      setTimeout(() => ws === socket && makeReady(room), CATCH_UP_LIMIT);
    },
    // The lost messages will never arrive, so the next join asks for the messages after them. Without an end, the log
    // that we have seen is lost: we read the new one from its beginning.
    gap(message) {
      const { room, epoch, to } = message;
      on.message(message);
      if (epochOf(room) === undefined) return; // we have left the room
      const sameLog = room === INBOX || epoch === epochOf(room);
      const { read } = me.positions.get(room) ?? {};
      me.positions.set(room, { epoch: epochOf(room), seq: (sameLog && to) || "0", ...(sameLog && to && { read }) });
      catchUp(room);
    },
    chat: numbered(),
    direct: numbered(INBOX),
    broadcast: numbered(EVERYONE),
    ack(message) {
      if (alone) on.state("connected", `You are ${me.name}.`);
      alone = false;
      settle(message.id, message);
    },
    error(message) {
      const { code, field, retry_ms, id, message: text } = message;
      const room = me.outbox.find((entry) => entry.id === id)?.room;
      const later = ["rate_limited", "busy", "unavailable"];
      if (code === "unavailable" && welcomed) {
        alone = true;
        on.state("connected", "This server cannot reach the other servers now. What you send waits here.");
      }
      if (later.includes(code)) return pause(retry_ms ?? 1000);
      if (id && code === "not_joined" && room) {
        inFlight = null;
        ready.delete(room);
        return join(room);
      }
      if (id) return fail(id, `not sent: ${text}`);
      if (code === "too_many_rooms" || (code === "bad_name" && field === "room")) {
        const lost = message.room ?? joining.shift();
        me.rooms = me.rooms.filter((other) => other !== lost);
        return on.message({ ...message, room: lost });
      }
      on.message(message);
    },
    heartbeat() {},
    pong() {},
  }),
);

const receive = (data) => {
  let message;
  try {
    message = JSON.parse(data);
  } catch {
    message = { type: "text that is not JSON" };
  }
  const receiver = receivers.get(message?.type);
  if (receiver) receiver(message);
  else on.message(message);
  if (welcomed) deadline = performance.now() + maxSilence;
};
