"use strict";
// The page of the chat: shows what chat_wire.js receives. There are three kinds of conversation, each with its own
// log: a room (#), a user (@, in private), and everyone (*). The conversations are in a Map, with the kind and the
// name as the key. Text from the network is added as plain text, never as HTML.

// ---- Users: a small square with the first letter of the name. The name says which of 8 colours it should get. If the
// page has given this colour away, the name gets the next free one. With more than 8 names, colours repeat.
const TINTS = 8;
const tints = new Map(); // name → colour
const tint = (name) => {
  if (tints.has(name)) return tints.get(name);
  const wished = [...name].reduce((sum, letter) => (sum * 37 + letter.codePointAt(0)) % 8191, 11) % TINTS;
  const used = new Set([...tints.values()].slice(tints.size - (tints.size % TINTS)));
  let free = wished;
  while (used.has(free)) free = (free + 1) % TINTS;
  if (tints.size < 1000) tints.set(name, free); // limits the memory
  return free;
};
const chip = (name) => {
  const made = make("span", "chip", [...name][0].toUpperCase());
  made.dataset.tint = tint(name);
  made.ariaHidden = "true"; // the name is beside it
  return made;
};

// ---- Conversations.
const MAX_LINES = 300; // the maximum number of lines in a log
const conversations = new Map();
let current = null;

const nameOf = ({ kind, name }) => (kind === "*" ? "Everyone" : name);
const room = (name) => conversations.get(`#${name}`);
const privately = () => [...conversations.values()].filter(({ kind }) => kind === "@");

const conversation = (kind, name = "") => {
  const key = kind + name;
  if (conversations.has(key)) return conversations.get(key);
  if (kind === "@") makeSpace();
  const talk = { key, kind, name, people: new Set(), count: 0, typing: new Map(), unread: 0, draft: "" };
  talk.list = makeList(talk);
  talk.button = makeButton(talk);
  conversations.set(key, talk);
  return talk;
};
const makeList = (talk) => {
  const list = make("ol", "log");
  list.role = "log";
  list.tabIndex = 0;
  list.ariaLabel = `Conversation: ${nameOf(talk)}`;
  list.hidden = true;
  list.addEventListener("scroll", noteScroll);
  element("logs").append(list);
  return list;
};
// Adds a button to the list of conversations: first the rooms, then the users, then everyone.
const makeButton = (talk) => {
  const button = make("button");
  button.type = "button";
  button.append(make("span", "sign", talk.kind), make("span", "place", nameOf(talk)), make("span", "unread"));
  button.addEventListener("click", () => show(talk));
  const item = make("li");
  item.append(button);
  const later = { "#": ["@", "*"], "@": ["*"], "*": [] }[talk.kind];
  const next = [...element("conversations").children].find((other) => later.includes(other.dataset.kind));
  item.dataset.kind = talk.kind;
  element("conversations").insertBefore(item, next ?? null);
  return button;
};
// Any user may start a private chat with us, so the number of private chats has a limit.
const MAX_PEOPLE = 50;
const makeSpace = () => {
  const others = privately().filter((talk) => talk !== current);
  if (others.length >= MAX_PEOPLE) drop(others[0]);
};

const drop = (talk) => {
  talk.list.remove();
  talk.button.parentElement.remove();
  conversations.delete(talk.key);
  if (current !== talk) return;
  current = null;
  if (conversations.size) show(conversations.values().next().value);
};

const show = (talk) => {
  hide(current);
  current = talk;
  me.place = talk.key; // shown again after a reload
  talk.list.hidden = false;
  toEnd(talk.list);
  talk.button.ariaCurrent = "true";
  talk.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  showHead(talk);
  say("");
  read();
  showPeople();
  showTyping();
  element("message").value = talk.draft;
  element("message").focus();
};
const hide = (talk) => {
  if (!talk) return;
  talk.draft = element("message").value; // keeps an unfinished message
  talk.list.hidden = true;
  talk.button.ariaCurrent = null;
};
const PURPOSE = { "#": "Message to ", "@": "Private message to ", "*": "Message to everyone in all rooms" };
const showHead = ({ kind, name }) => {
  element("title").textContent = nameOf({ kind, name });
  element("title").dataset.kind = kind;
  element("leave").hidden = kind === "*";
  element("leave").textContent = kind === "#" ? "Leave" : "Close";
  element("composer").querySelector("label").textContent = PURPOSE[kind] + name;
  if (kind === "*") element("announcement").hidden = true;
};

const LABEL = { "#": "Room ", "@": "Private: ", "*": "Everyone" };
// Marks the visible conversation as read, and shows the numbers of unread messages.
const read = () => {
  if (current && !document.hidden) current.unread = 0;
  let sum = 0;
  for (const { button, kind, name, unread } of conversations.values()) {
    button.querySelector(".unread").textContent = unread ? (unread > 99 ? "99+" : unread) : "";
    button.ariaLabel = `${LABEL[kind]}${name}${unread ? `, ${unread} unread` : ""}`;
    sum += unread;
  }
  document.title = `${sum ? `(${sum}) ` : ""}${current ? `${nameOf(current)} · ` : ""}Chat`;
};
document.addEventListener("visibilitychange", read);

// ---- Lines of a log.

// Keeps the newest line visible, even when the log's area gets smaller. Does nothing if the user has scrolled up.
const up = new WeakSet(); // the logs that are scrolled up
const toEnd = (list) => {
  up.delete(list);
  list.scrollTop = list.scrollHeight;
};
const noteScroll = ({ target }) => {
  if (target.scrollHeight - target.scrollTop - target.clientHeight > 60) up.add(target);
  else up.delete(target);
};
const keepEnd = (list, change, always) => {
  change();
  while (list.children.length > MAX_LINES) list.firstElementChild.remove();
  if (always || !up.has(list)) toEnd(list);
};
const follow = () => current && !up.has(current.list) && toEnd(current.list);
new ResizeObserver(follow).observe(element("logs"));
// Adds a line to a log. The lines of messages that are not sent yet stay below all other lines.
const place = (list, line) => {
  const waiting = line.dataset.state === "sending" ? null : list.querySelector("[data-state=sending]");
  list.insertBefore(line, waiting);
  for (const changed of [line, line.nextElementSibling]) if (changed) group(changed);
};
// Hides the name in a line if the line before has the same name and is less than 5 minutes older.
const group = (line) => {
  const before = line.previousElementSibling;
  const near = Number(line.dataset.at) - Number(before?.dataset.at) < 300_000;
  const same = line.dataset.name !== undefined && line.dataset.name === before?.dataset.name;
  line.classList.toggle("again", same && near);
};

const mine = new Map(); // id → the line of our message
const shown = new Set(); // name and id of recent messages: a message that arrives twice is shown once
const isRepeated = ({ name, id }) => {
  if (!id) return false;
  const key = JSON.stringify([name, id]);
  if (shown.has(key)) return true;
  shown.add(key);
  if (shown.size > 1000) shown.delete(shown.values().next().value);
  return false;
};

const line = (name, text, own) => {
  const made = make("li");
  made.dataset.kind = own ? "sent" : "received";
  made.dataset.name = name;
  made.append(chip(name), make("span", "name", own ? `${name} (you)` : name), make("time"));
  made.append(make("span", "text", text), make("span", "mark"), make("span", "seq"));
  return made;
};
const setTime = (made, timestamp) => {
  const at = new Date(timestamp);
  const time = made.querySelector("time");
  time.textContent = at.toTimeString().slice(0, 5);
  time.dateTime = at.toISOString();
  made.dataset.at = at.getTime();
};
const mark = (made, state, text) => {
  made.dataset.state = state;
  made.querySelector(".mark").textContent = text;
};

// Shows our own message at once.
const showSending = (entry) => {
  const talk = conversation(...{ chat: ["#", entry.room], direct: ["@", entry.to], broadcast: ["*"] }[entry.type]);
  const made = line(me.name, entry.text, true);
  setTime(made, Date.now());
  if (entry.type === "direct") made.dataset.private = "";
  mark(made, "sending", "sending …");
  mine.set(entry.id, made);
  if (mine.size > 4 * MAX_OUTBOX) mine.delete(mine.keys().next().value);
  keepEnd(talk.list, () => place(talk.list, made), true);
};
// The server has our message. Moves the line above the lines of our messages that are not sent yet.
const showSent = (id, ack) => {
  const made = mine.get(id);
  if (!made) return;
  const before = / to .*/.exec(made.querySelector(".mark").textContent) ?? "";
  mark(made, "sent", `sent${ack && made.dataset.private === undefined ? ` to ${ack.recipients}` : before}`);
  const list = made.parentElement;
  if (list) keepEnd(list, () => place(list, made));
};
const showFailed = (id, sentence) => {
  const made = mine.get(id);
  if (made) mark(made, "failed", sentence);
  mine.delete(id);
};

// Shows a message of the log. Our own message moves to the position that it has for all users.
const showMessage = (talk, message) => {
  const { id, name, text, timestamp, seq } = message;
  const own = isOurs(message);
  const known = own ? mine.get(id) : undefined;
  if (isRepeated(message)) return;
  const made = known ?? line(name, text, own);
  setTime(made, timestamp);
  made.querySelector(".seq").textContent = seq;
  made.querySelector(".seq").title = "the position in this log";
  if (known && made.dataset.state === "sending") mark(made, "sent", "sent");
  keepEnd(talk.list, () => place(talk.list, made));
  talk.typing.delete(name);
  if (talk === current) showTyping();
  if (own || isRead(talk, seq) || (talk === current && !document.hidden)) return;
  talk.unread += 1;
  read();
};
// After a reload, we ask for old messages again. Messages that the user has already read do not count as unread.
const isRead = (talk, seq) => {
  const { read } = me.positions.get({ "#": talk.name, "@": INBOX, "*": EVERYONE }[talk.kind]) ?? {};
  return read !== undefined && BigInt(seq) <= BigInt(read);
};

// ---- Notes between the messages. A note replaces the note before it if both have the same topic.
const note = (talk, kind, text, topic = text) => {
  const made = make("li", "note");
  made.dataset.kind = kind;
  made.dataset.topic = topic;
  made.append(make("span", "sign", kind === "lost" ? "!" : "•"), make("span", "text", text));
  keepEnd(talk.list, () => {
    const last = [...talk.list.children].findLast((other) => other.dataset.state !== "sending");
    if (last?.dataset.topic === topic) last.remove();
    place(talk.list, made);
  });
  return made;
};
// Adds a user to the note about users that joined or left, in the order in which it happened. So a class of 30 users adds
// one note to the log, not 30, and a user who left and came back has left.
const MOVES = 4; // a note has at most so many changes between joined and left
const notePresence = (talk, name, came) => {
  const last = [...talk.list.children].findLast((other) => other.dataset.state !== "sending");
  const full = last?.moves?.length === MOVES && last.moves.at(-1).came !== came;
  const moves = full ? [] : (last?.moves ?? []);
  if (moves.at(-1)?.came !== came) moves.push({ came, names: [] });
  moves.at(-1).names.push(name);
  const more = (names) => (names.length > 8 ? ` and ${names.length - 8} more` : "");
  const parts = moves.map(({ came, names }) => `${names.slice(-8).join(", ")}${more(names)} ${came ? "joined" : "left"}`);
  if (full) delete last.dataset.topic; // stays in the log
  note(talk, "life", parts.join(" · "), "presence").moves = moves;
};
// Returns a sentence that says which messages are lost, or null if there are none.
const explainGap = (from, to, epoch, known) => {
  const before = BigInt(from) - 1n;
  const since = before > 0n ? ` after message ${before}` : "";
  if (to === null && epoch === known) return `Redis has lost messages: some that you see here, up to message ${before}, are lost for the others.`;
  if (to === null || epoch !== known) {
    return `The server restarted: all messages${since} and before the restart are lost.`;
  }
  const count = BigInt(to) - before;
  if (count <= 0n) return null;
  const which = count === 1n ? `Message ${from} is` : `Messages ${from} to ${to} are`;
  return `${which} lost: the server no longer has ${count === 1n ? "it" : "them"}.`;
};
const showGap = ({ room: where, from, to, epoch }) => {
  if (where === INBOX) return showInboxGap(from, to);
  const talk = where === EVERYONE ? conversation("*") : room(where);
  const sentence = explainGap(from, to, epoch, epochOf(where) ?? epoch);
  if (!talk || !sentence) return;
  note(talk, "lost", sentence);
  if (talk !== current) talk.unread += 1;
  read();
};
// The sender of a lost private message is unknown, so the note goes to every private chat.
const showInboxGap = (from, to) => {
  const restarted = "The server has no record of this session any more: private messages sent in the meantime are lost.";
  const sentence = to === null ? restarted : `Private messages: ${explainGap(from, to)}`;
  for (const talk of privately()) note(talk, "lost", sentence);
  if (!privately().length && current) note(current, "life", sentence);
};

// ---- The users in the room, and who is typing.
const PEOPLE_SHOWN = 100;
const ABOUT = { "@": "private: only the two of you", "*": "in all rooms" };
// Draws the list at most once per animation frame, because a whole class may join at once.
let peopleAreDue = false;
const showPeople = () => {
  if (!peopleAreDue) requestAnimationFrame(drawPeople);
  peopleAreDue = true;
};
const drawPeople = () => {
  peopleAreDue = false;
  if (!current) return;
  const { kind, name, people, count } = current;
  // Without a connection, the page does not learn who joins and leaves.
  const known = state === "connected";
  element("people").dataset.old = !known;
  element("here").textContent = kind === "#" ? `${known ? "Here" : "Last known"}: ${count}` : "Readers";
  element("about").textContent = ABOUT[kind] ?? (known ? plural(count, "person", "people") : "");
  const names = { "#": [...people].sort((a, b) => a.localeCompare(b)), "@": [name], "*": [] }[kind];
  const items = names.slice(0, PEOPLE_SHOWN).map(personItem);
  if (kind === "#" && count > items.length) items.push(make("li", "more", `and ${count - items.length} more`));
  if (kind === "*") items.push(make("li", "more", "All connected users, in all rooms."));
  const focused = document.activeElement.closest("#people .person")?.textContent; // keeps the keyboard focus
  element("people").replaceChildren(...items);
  if (focused) items.find((item) => item.textContent === focused)?.firstElementChild.focus();
};
const personItem = (name) => {
  const you = name === me.name;
  const who = make(you ? "span" : "button", "person");
  who.append(chip(name), make("span", "name", you ? `${name} (you)` : name));
  if (!you) {
    who.type = "button";
    who.title = `Private chat with ${name}`;
    who.addEventListener("click", () => talkTo(name));
  }
  const item = make("li");
  item.append(who);
  return item;
};
const setPeople = (talk, names, count) => {
  talk.people = new Set(names);
  talk.count = count;
  if (talk === current) showPeople();
};
const showPresence = ({ room: where, name, user_count }, came) => {
  const talk = room(where);
  if (!talk) return;
  if (came) talk.people.add(name);
  else talk.people.delete(name);
  talk.count = user_count;
  talk.typing.delete(name);
  if (name !== me.name) notePresence(talk, name, came);
  if (talk !== current) return;
  showPeople();
  showTyping();
};

const showTyping = () => {
  const names = [...(current?.typing.keys() ?? [])];
  const who = names.length > 2 ? plural(names.length, "person", "people") : names.join(" and ");
  element("typing").textContent = names.length ? `${who} ${names.length > 1 ? "are" : "is"} typing …` : "";
};
// No message says that a user stopped typing, so a typing notice expires.
const showTypingOf = ({ room: where, name, expires_in }) => {
  const talk = room(where);
  if (!talk) return;
  const until = performance.now() + expires_in * 1000;
  talk.typing.set(name, until);
  setTimeout(() => {
    if (talk.typing.get(name) === until) talk.typing.delete(name);
    showTyping();
  }, expires_in * 1000);
  showTyping();
};
const TYPING_EVERY = 3000; // ms: less than the server's expires_in
let typedAt = -Infinity;
const weType = () => {
  if (current.kind !== "#" || !element("message").value || performance.now() - typedAt < TYPING_EVERY) return;
  typedAt = performance.now();
  transmit({ type: "typing", room: current.name });
};

// ---- The chart: messages per second, from the difference of two counts.
const SAMPLES = 60;
const STATS_EVERY = 2000; // ms
const rates = [];
let counted = null;
const askForStats = () => {
  if (welcomed && !document.hidden) transmit({ type: "custom", action: "get_stats" });
};
setInterval(askForStats, STATS_EVERY);
const showStats = ({ messages, clients, servers, all_clients, rooms, uptime_seconds, timestamp }) => {
  const at = Date.parse(timestamp);
  const seconds = (at - counted?.at) / 1000;
  // Skips a count that got smaller (the server has restarted), and a pause of more than 10 s.
  if (seconds > 0 && seconds < 10 && messages >= counted.messages) rates.push((messages - counted.messages) / seconds);
  counted = { at, messages };
  if (rates.length > SAMPLES) rates.shift();
  drawRates();
  const up = uptime_seconds < 120 ? `${uptime_seconds} s` : `${Math.floor(uptime_seconds / 60)} min`;
  const all = servers ? ` here · ${all_clients} on ${plural(servers, "server")}` : ""; // several servers are one chat
  element("figures").textContent = `${clients} connected${all} · ${plural(rooms, "room")} · up ${up}`;
};
const drawRates = () => {
  const highest = Math.max(0, ...rates);
  const x = (index) => (120 * (index + SAMPLES - rates.length)) / (SAMPLES - 1);
  const points = rates.map((rate, index) => `${x(index).toFixed(1)},${(39 - 36 * (rate / Math.max(1, highest))).toFixed(1)}`);
  element("chart").querySelector("polyline").setAttribute("points", points.join(" "));
  const area = points.length ? [`${x(0)},40`, ...points, `${x(rates.length - 1)},40`] : [];
  element("chart").querySelector("polygon").setAttribute("points", area.join(" "));
  const now = rates.at(-1);
  const rate = `${now?.toFixed(1)} messages/s, at most ${highest.toFixed(1)}`;
  element("rate").textContent = now === undefined ? "counting …" : rate;
};

// ---- Messages from the server.
const views = new Map(
  Object.entries({
    welcome({ name }) {
      if (name !== me.name.normalize().trim()) renamed = name;
      const everyone = conversation("*");
      if (!current && !me.rooms.length) show(everyone);
    },
    joined({ room: where, users, user_count, recovered, missed }) {
      const known = room(where);
      const talk = conversation("#", where);
      setPeople(talk, users, user_count);
      if (known && recovered) {
        const result = missed === "0" ? "nothing was missed" : `recovered ${plural(missed, "message")}`;
        note(talk, "recovered", `Connected again: ${result}.`, "again");
      }
      if (wanted === where || !current) show(talk);
      if (wanted === where) wanted = null;
      if (renamed) note(talk, "life", `You are ${renamed} here: ${becauseOf(renamed)}.`);
      renamed = null;
    },
    left: () => {},
    chat: (message) => room(message.room) && showMessage(room(message.room), message),
    direct(message) {
      const other = message.name === me.name ? message.to : message.name;
      showMessage(conversation("@", other), message);
    },
    broadcast(message) {
      const talk = conversation("*");
      showMessage(talk, message);
      if (talk === current || message.name === me.name || isRead(talk, message.seq)) return;
      element("announcement").querySelector("span").textContent = `${message.name} to everyone: ${message.text}`;
      element("announcement").hidden = false;
    },
    user_joined: (message) => showPresence(message, true),
    user_left: (message) => showPresence(message, false),
    user_list: ({ room: where, users, user_count }) => room(where) && setPeople(room(where), users, user_count),
    typing: showTypingOf,
    stats: showStats,
    gap: showGap,
    error({ message, room: where }) {
      say(`${where === undefined ? "The server" : where}: ${message}`);
    },
  }),
);
let wanted = null; // the room to show when we have joined it
let renamed = null; // the name from the server, if it is not the name that we asked for; null after a room has shown it
const becauseOf = (name) => (name.startsWith(me.wanted) ? "the name is taken" : "the name belongs to your token");

on.message = (message) => {
  const view = views.get(message?.type);
  const unknown = `The server sent a message of an unknown type: ${shorten(String(message?.type))}`;
  if (view) view(message);
  else if (current) note(current, "life", unknown);
};
on.settled = showSent;
on.failed = showFailed;

// ---- The state of the connection: its name and a sentence.
const PILL = { connected: "OPEN", connecting: "CONNECTING", waiting: "CONNECTING", refused: "REFUSED" };
let state = "closed";
on.socket = showWire;
on.state = (newState, sentence) => {
  state = newState;
  element("status").dataset.state = PILL[state] ?? "CLOSED";
  element("closed").textContent = hideSecrets(sentence);
  element("closed").dataset.kind = state === "refused" ? "error" : "life";
  element("now").hidden = state !== "waiting";
  element("disconnect").hidden = state === "closed" || state === "refused";
  const inside = current !== null;
  element("entrance").hidden = state === "connected" || (inside && !["closed", "refused"].includes(state));
  for (const id of ["places", "talk", "side"]) element(id).hidden = !inside && state !== "connected";
  document.body.dataset.inside = inside || state === "connected";
  if (state === "connected") askForStats();
  showPeople();
  const cause = ["name", "token"].find((word) => sentence.toLowerCase().includes(word));
  if (state === "refused") element(cause ?? "connect").focus();
  showPill();
};
const showPill = () => {
  const words = { closed: "not connected", connected: "connected", connecting: "connecting", refused: "refused" };
  const left = Math.max(0, (waiting?.until ?? 0) - performance.now()) / 1000;
  const text = state === "waiting" ? `next try in ${left < 10 ? left.toFixed(1) : Math.round(left)} s` : words[state];
  if (element("status").textContent !== text) element("status").textContent = text;
};
setInterval(showPill, 100); // shows the seconds left

// ---- Actions of the user.
const say = (sentence) => (element("refused").textContent = sentence);

const talkTo = (name) => {
  const talk = conversation("@", name);
  if (!me.people.includes(name)) me.people.push(name);
  show(talk);
};
const goTo = (typed) => {
  const place = typed.normalize().trim().replace(/ +/g, " "); // the server changes names in the same way
  if (!place) return;
  if (place.startsWith("@")) return place.length > 1 && talkTo(place.slice(1).trim());
  if (place === EVERYONE) return show(conversation("*"));
  if (conversations.has(`#${place}`)) return show(room(place));
  wanted = place;
  if (welcomed) enterRoom(place);
  else say("Connect first, then open a room.");
};
const enter = (server, token, name) => {
  const again = me && me.server === server && me.wanted === name;
  me = again ? { ...me, token } : newSelf(server, token, name);
  if (!again) for (const talk of [...conversations.values()]) drop(talk);
  connect();
};

const takeToken = tokenField((sentence) => on.state("refused", sentence));

element("entrance").addEventListener("submit", (event) => {
  event.preventDefault();
  try {
    enter(element("server").value.trim(), element("token").value, element("name").value.trim());
  } catch (error) {
    stop("refused", `Not connected: ${error.name}: ${error.message}`);
  }
});
element("now").addEventListener("click", connect);
element("disconnect").addEventListener("click", () => {
  stop("closed", "You have left the chat, and your name is free. Press Connect to return.");
  me.positions.delete(INBOX); // a goodbye ends our session and its inbox
  element("connect").focus();
});
element("open").addEventListener("submit", (event) => {
  event.preventDefault();
  goTo(element("place").value);
  element("place").value = "";
});
element("leave").addEventListener("click", () => {
  const talk = current;
  if (talk.kind === "#") leave(talk.name);
  else me.people = me.people.filter((name) => name !== talk.name);
  drop(talk);
});
element("announcement").querySelector("button").addEventListener("click", () => show(conversation("*")));

element("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = element("message").value;
  if (!text.trim()) return;
  const { kind, name } = current;
  const entry = post({
    "#": { type: "chat", room: name, text },
    "@": { type: "direct", to: name, text },
    "*": { type: "broadcast", text },
  }[kind]);
  if (!entry) return say(`${MAX_OUTBOX} messages are waiting to be sent. Send this one later.`);
  showSending(entry);
  say("");
  typedAt = -Infinity;
  element("message").value = "";
  element("message").focus();
});
// Enter sends, Shift+Enter makes a new line. While the user composes a word, e.g. in Japanese, Enter ends the word.
element("message").addEventListener("keydown", (event) => {
  // In Safari, the composition has ended before this event: isComposing is false, but the key code is 229.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  element("composer").requestSubmit();
});
element("message").addEventListener("input", weType);

// ---- The start and the end of the page.
const start = () => {
  if (ownServer) element("server").value = ownServer;
  const saved = recall();
  if (saved) {
    me = saved;
    rewind();
    element("server").value = me.server;
    element("name").value = me.wanted;
    element("token").value = me.token;
  }
  takeToken();
  if (!saved) return on.state("closed", isStray ? strayHint() : "");
  me.token = element("token").value;
  for (const name of me.people) conversation("@", name);
  conversation("*");
  me.outbox.forEach(showSending);
  if (conversations.has(me.place)) show(conversations.get(me.place));
  else if (me.place?.startsWith("#")) wanted = me.place.slice(1);
  connect();
};
document.addEventListener("DOMContentLoaded", start);
window.addEventListener("pagehide", remember);
document.addEventListener("visibilitychange", () => (document.hidden ? remember() : forget()));
whenBlocked((sentence) => stop("refused", `Not connected: ${sentence}`));
