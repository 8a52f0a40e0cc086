"use strict";
// The part of the chat that needs no page: who we are, what we have seen, what is not yet sent, and a connection that
// comes back by itself. It knows no elements; the page (chat.js) listens through `hear`.
//
// Four ideas make it lose nothing:
//   position  the server numbers what it says in each room; we come back with the last number we have seen
//   gap       what cannot be had any more is named by the server, and shown
//   outbox    what we say is kept until the server has said that it is in its log, and sent again with the same id
//   back-off  we try again later and later, each of us at another moment, and never after a refusal

const hear = {
  socket: () => {}, // (socket) is the newest connection
  state: () => {}, // (state, sentence) of the connection
  message: () => {}, // (message) from the server, if it is news
  settled: () => {}, // (id, ack) a message of ours is in the log
  failed: () => {}, // (id, sentence) a message of ours will never be
};

// ---- Who we are. Everything in here outlives a reload of the page.

const newSelf = (server, token, name) => ({
  server,
  token,
  wanted: name, // what we would like to be called
  name, // what the server calls us
  session: null, // the secret that makes the next connection the same person
  epoch: null, // the run of the server; positions of another one mean nothing
  rooms: ["lobby"], // where we are
  people: [], // whom we talk to in private
  positions: new Map(), // room → the last that we have seen: { epoch, seq }
  outbox: [], // said, but not yet known to be in the log
  sent: [], // the ids of what we said lately, and
  numbers: [], // who we have been for this server: together they are how we know our own words
});
let me = null;

// Session storage belongs to one tab, so two tabs are two people. We write it when the page goes out of sight (a hidden
// page may be ended without notice) and empty it when it is back: a duplicate of this tab finds nothing there, and
// becomes a person of its own.
const STORE = "zcomm-chat";
const remember = () => {
  const plain = (_, value) => (value instanceof Map ? [...value] : value);
  try {
    if (me) sessionStorage.setItem(STORE, JSON.stringify(me, plain));
  } catch {
    // No storage, no memory: the chat works, a reload starts anew.
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
    // There is nothing to forget.
  }
};

// ---- Positions. They are 64-bit numbers in strings, because a JavaScript number is exact only up to 2⁵³.

const EVERYONE = "*"; // the server's own log, and
const INBOX = "@"; // our private messages: the names that `gap` has for what is no room
const epochs = new Map(); // the epoch of each room we are in
const epochOf = (log) => {
  if (log === INBOX) return me.session; // a new session begins at 1 again
  return log === EVERYONE ? me.epoch : epochs.get(log);
};
const advance = (log, seq) => {
  const last = me.positions.get(log);
  const epoch = epochOf(log);
  if (last?.epoch !== epoch) me.positions.set(log, { epoch, seq });
  else if (BigInt(seq) <= BigInt(last.seq)) return false; // seen already
  else last.seq = seq;
  return true;
};
const reached = (log, seq) => {
  const last = me.positions.get(log);
  return last?.epoch === epochOf(log) && BigInt(last.seq) >= BigInt(seq);
};

// After a reload the page is empty, so we ask for some that we have seen before.
const REPLAY = 50n;
const rewind = () => {
  for (const position of me.positions.values()) {
    const seq = [position.seq, position.read ?? 0].map(BigInt).reduce((a, b) => (a > b ? a : b));
    position.read = String(seq); // up to here it is no news
    position.seq = String(seq > REPLAY ? seq - REPLAY : 0n);
  }
};

// ---- The outbox. One message is under way at a time: the order stays, and a long queue breaks no rate limit.

const MAX_WAITING = 100;
const ACK_LIMIT = 15_000; // ms; asking again does no harm, since the server knows the id
let underWay = null; // { id, since }
let pausedUntil = 0;

const post = (message) => {
  if (me.outbox.length >= MAX_WAITING) return null;
  const entry = { ...message, id: randomWord() };
  me.outbox.push(entry);
  me.sent = [...me.sent, entry.id].slice(-4 * MAX_WAITING);
  flush();
  return entry;
};
// A room is ready when we have seen all that was in its log when we came (back): one of ours may be among it.
const ready = new Set();
const flush = () => {
  if (!welcomed || underWay || performance.now() < pausedUntil) return;
  const next = me.outbox.find(({ type, room }) => type !== "chat" || ready.has(room));
  if (!next) return;
  underWay = { id: next.id, since: performance.now() };
  transmit(next);
};
const takeOut = (id) => {
  const index = me.outbox.findIndex((entry) => entry.id === id);
  if (index >= 0) me.outbox.splice(index, 1);
  if (underWay?.id === id) underWay = null;
  return index >= 0;
};
const settle = (id, ack) => {
  takeOut(id);
  hear.settled(id, ack);
  flush();
};
const fail = (id, sentence) => {
  if (takeOut(id)) hear.failed(id, sentence);
  flush();
};
// The server could not take something now. What it was does not matter: to ask again does no harm.
const pause = (ms) => {
  underWay = null;
  pausedUntil = performance.now() + ms;
  setTimeout(() => {
    for (const room of joining.splice(0)) if (welcomed) join(room);
    flush();
  }, ms + 10);
};

// ---- The connection.

const LOWEST = 500; // ms: the first wait is at most this long,
const HIGHEST = 30_000; // each further one at most twice as long, up to this
const STABLE = 5_000; // a connection that lived so long ends the series
const CONNECT_LIMIT = 10_000;
let socket = null; // the newest; an older one has no say
let welcomed = false;
let failures = 0; // in a row
let waiting = null; // { until, timer }
let deadline = Infinity; // (performance.now) by then the server must have said something
let silence = Infinity; // how long it may be silent

const connect = () => {
  down();
  socket?.close(1000, "Goodbye"); // one that is still trying
  // A browser cannot set a header on a WebSocket, so all of this is in the address (encrypt it: wss).
  const url = new URL(me.server);
  url.hash = "";
  const position = (log) => me.positions.get(log)?.seq;
  const query = { attempt: randomWord(), token: me.token, name: me.wanted, session: me.session };
  if (me.session) Object.assign(query, { direct: position(INBOX), broadcast: position(EVERYONE) });
  for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, value);

  const line = new WebSocket(url);
  let opened = false;
  socket = line;
  hear.socket(line);
  deadline = performance.now() + CONNECT_LIMIT;
  hear.state("connecting", "Connecting: the handshake is on its way.");
  line.addEventListener("open", () => (opened = true));
  line.addEventListener("message", ({ data }) => line === socket && receive(data));
  line.addEventListener("close", (event) => line === socket && ended(line, opened, event));
};

const transmit = (message) => {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
};

// Is it worth trying again? Not where the answer would be the same: the token is wrong, we are here in another tab …
const FINAL = [1002, 1003, 1007, 1008, 1009, 4001];
const isRefusal = ({ code, reason }) => FINAL.includes(code) && reason !== "Too slow"; // that is the network's fault
// The same for a handshake that was refused over HTTP; only 429 and 503 mean "not now".
const isFinal = (status) => status !== undefined && ![429, 503].includes(status);

const ended = async (line, opened, event) => {
  if (event.code === 1009 && underWay) {
    fail(underWay.id, "not sent: too big for this server"); // else we would send it for ever
    return retry(`Closed: ${inWords(event)}`);
  }
  down();
  if (isRefusal(event)) return stop("refused", `Closed: ${inWords(event)}`);
  if (event.code !== 1006) return retry(`Closed: ${inWords(event)}.`);
  // Only a handshake can be refused: a connection that was open before may come back at once.
  if (opened) retry("The connection broke.");
  const { status, sentence } = await why(line, opened);
  if (line !== socket) return; // a newer one has the word
  if (isFinal(status)) return stop("refused", `Not connected: ${sentence}`);
  if (opened) return waiting && hear.state("waiting", `Not connected: ${sentence}`);
  retry(`Not connected: ${sentence}`);
};

// Nothing of a connection is left but what `me` holds.
const down = () => {
  clearTimeout(waiting?.timer);
  waiting = null;
  welcomed = false;
  underWay = null;
  deadline = Infinity;
  ready.clear();
  targets.clear();
  epochs.clear();
};
// Full jitter: any moment up to the limit. When a server restarts, a class must not come back in step.
const retry = (sentence) => {
  down();
  const limit = Math.min(HIGHEST, LOWEST * 2 ** failures);
  failures += 1;
  const delay = Math.random() * limit;
  waiting = { until: performance.now() + delay, timer: setTimeout(connect, delay) };
  hear.state("waiting", sentence);
};
const stop = (state, sentence) => {
  down();
  const line = socket;
  socket = null;
  line?.close(1000, "Goodbye");
  hear.state(state, sentence);
};

// A browser answers the server's pings without telling the page, and never pings by itself. So we look at the clock:
// the server promised a heartbeat. Who does not keep it is given up, without waiting for a Close frame.
const watch = () => {
  if (performance.now() > deadline) {
    const line = socket;
    socket = null;
    line?.close(4000, "Nothing heard");
    retry("Nothing was heard from the server for too long.");
  } else if (underWay && performance.now() > underWay.since + ACK_LIMIT) {
    underWay = null;
    flush();
  }
};
setInterval(watch, 1000);

// A tab in the background has slow timers, and a closed laptop has none. Back in sight, we look at once: waiting starts
// over with a short wait, and a connection that looks open must prove it.
const wake = () => {
  if (waiting && waiting.until > performance.now() + LOWEST) {
    failures = 0;
    retry("Not connected: trying again now.");
  } else if (welcomed && deadline - performance.now() < silence - 5000) {
    transmit({ type: "ping" });
    deadline = Math.min(deadline, performance.now() + 5000);
  }
};
for (const event of ["online", "focus"]) window.addEventListener(event, wake);
document.addEventListener("visibilitychange", () => document.hidden || wake());

// ---- What the server says.

const joining = []; // rooms that we have asked for and heard nothing of
const join = (room) => {
  joining.push(room);
  const { epoch, seq } = me.positions.get(room) ?? {};
  transmit({ type: "join", room, epoch, since: seq }); // what is undefined is not sent
};
const enterRoom = (room) => {
  if (!me.rooms.includes(room)) me.rooms.push(room);
  join(room);
};
const leave = (room) => {
  me.rooms = me.rooms.filter((other) => other !== room);
  for (const { id } of me.outbox.filter((entry) => entry.room === room)) fail(id, "not sent: you left");
  me.positions.delete(room);
  epochs.delete(room);
  ready.delete(room);
  transmit({ type: "leave", room });
};
// An id is its sender's own choice, and can be one of ours: only with our number it is our message.
const isOurs = ({ id, client_id }) => me.numbers.includes(client_id) && me.sent.includes(id);
// Something with a position: is it news? A message of ours that comes back is as good as its ack.
const numbered = (log) => (message) => {
  const room = log ?? message.room;
  const { id, seq } = message;
  if (epochOf(room) === undefined || !advance(room, seq)) return; // a room that we have left, or seen already
  hear.message(message);
  if (isOurs(message) && takeOut(id)) hear.settled(id);
  catchUp(room);
};
const CATCH_UP_LIMIT = 3000; // ms; then a message sent twice is better than one not sent
const targets = new Map(); // room → the position at which it is ready
const catchUp = (room) => {
  if (targets.has(room) && reached(room, targets.get(room))) makeReady(room);
};
const makeReady = (room) => {
  if (epochs.has(room)) ready.add(room);
  flush();
};

// A log that we see for the first time begins for us at its end; one that has started anew, at its beginning.
const startAt = (log, epoch, end) => {
  const last = me.positions.get(log);
  if (last?.epoch !== epoch) me.positions.set(log, { epoch, seq: last ? "0" : end });
};
const receivers = new Map(
  Object.entries({
    welcome(message) {
      const { name, session, epoch, direct, broadcast, heartbeat_seconds, client_id } = message;
      silence = (2 * heartbeat_seconds + 5) * 1000;
      hear.message(message); // before we change: the page tells what is different
      const numbers = epoch === me.epoch ? me.numbers : []; // another server counts anew
      me.numbers = [...numbers.filter((number) => number !== client_id), client_id].slice(-20);
      Object.assign(me, { name, session, epoch });
      startAt(INBOX, session, direct);
      startAt(EVERYONE, epoch, broadcast);
      welcomed = true;
      const line = socket;
      setTimeout(() => line === socket && (failures = 0), STABLE);
      hear.state("connected", `You are ${name}.`);
      joining.length = 0;
      me.rooms.forEach(join);
      flush();
    },
    joined(message) {
      const { room, epoch, seq, recovered } = message;
      if (joining.includes(room)) joining.splice(joining.indexOf(room), 1);
      if (!me.rooms.includes(room)) return; // left meanwhile
      hear.message(message);
      epochs.set(room, epoch);
      const last = me.positions.get(room);
      if (last?.epoch === epoch && BigInt(last.seq) > BigInt(seq)) me.positions.delete(room); // never seen by anybody
      if (!recovered && seq === "0" && !last) me.positions.set(room, { epoch, seq });
      targets.set(room, seq);
      catchUp(room);
      const line = socket;
      setTimeout(() => line === socket && makeReady(room), CATCH_UP_LIMIT);
    },
    // What will not come has been told, so the next time we ask for what is behind it.
    gap(message) {
      const { room, epoch, to } = message;
      hear.message(message);
      if (epochOf(room) === undefined) return; // a room that we have left
      const sameLog = room === INBOX || epoch === epochOf(room);
      advance(room, (sameLog && to) || "0");
      catchUp(room);
    },
    chat: numbered(),
    direct: numbered(INBOX),
    broadcast: numbered(EVERYONE),
    ack(message) {
      settle(message.id, message);
    },
    error(message) {
      const { code, field, retry_ms } = message;
      const text = message.message;
      const { id } = message;
      const room = me.outbox.find((entry) => entry.id === id)?.room;
      if (code === "rate_limited" || code === "busy") return pause(retry_ms ?? 1000);
      if (id && code === "not_joined" && room) {
        underWay = null;
        ready.delete(room);
        return join(room);
      }
      if (id) return fail(id, `not sent: ${text}`);
      if (code === "too_many_rooms" || (code === "bad_name" && field === "room")) {
        const lost = message.room ?? joining.shift();
        me.rooms = me.rooms.filter((other) => other !== lost);
        return hear.message({ ...message, room: lost });
      }
      hear.message(message);
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
  else hear.message(message);
  if (welcomed) deadline = performance.now() + silence;
};
