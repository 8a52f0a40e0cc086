"use strict";
// The list of X-ray events, with a limit, filters and a pause. xray_detail.js shows the details of one event.

const ROWS = 1000; // the maximum number of rows; the page counts the removed rows
const WAITING = 1000; // the maximum number of events that wait to be drawn
const PREVIEW = 40; // the maximum number of payload characters in a row

const list = element("frames");
let chosen = null; // the selected row
let chooses = true; // whether this page selects the newest message of the client; until the reader selects a row
let gone = 0; // the number of removed rows and lost events
let waiting = []; // the events that arrive during a pause
let paused = false;
const events = new WeakMap(); // row → event
const connections = new Set();

// ---- A row: time, connection, direction, name, and the bytes in boxes.
const SIGNS = { client: "→", server: "←" };
const box = (kind, text) => make("span", `box ${kind}`, text);
const boxes = (frame) => {
  const header = frame.header.match(/../g);
  const key = frame.mask ? header.splice(-4) : [];
  const made = [box("op", header[0]), box("len", header.slice(1).join(" "))];
  if (frame.mask) made.push(box("key", key.join(" ")));
  const words = frame.close ? `${frame.close.code} ${frame.close.reason}` : frame.text;
  const bytes = (frame.unmasked.slice(0, PREVIEW).match(/../g) ?? []).join(" ");
  const preview = visible((words ?? bytes).slice(0, PREVIEW));
  if (frame.length) made.push(box("payload", preview.length < PREVIEW ? preview : `${preview}…`));
  return made;
};

const rowOf = (event) => {
  const { kind, name, text } = describe(event);
  const row = make("li", "");
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", "false");
  row.dataset.kind = kind;
  row.dataset.conn = event.conn;
  if (event.from) row.dataset.from = event.from;
  const last = event.frame ? boxes(event.frame) : [visible(text ?? "")];
  row.append(
    make("span", "time", event.t.toFixed(3)),
    make("span", "conn", event.conn ? `#${event.conn}` : ""),
    make("span", "way", SIGNS[event.from] ?? "•"),
    make("span", "name", (event.errors ? "! " : "") + name),
    make("span", "boxes", ...last),
  );
  row.firstElementChild.nextElementSibling.dataset.tint = event.conn % 6;
  if (event.errors) row.classList.add("broken");
  events.set(row, event);
  return row;
};

// ---- The filters.
const plain = new Set(); // the connections that load a page or one of its files: no WebSocket
const isSeen = ({ dataset }) => {
  const box = element(dataset.kind === "life" ? "http" : dataset.kind);
  if (plain.has(dataset.conn) && !element("files").checked) return false;
  return box.checked && ["", dataset.conn].includes(element("conn").value);
};
const notePlain = ({ conn, request }) => {
  if (!request || request.headers.some(({ name }) => name.toLowerCase() === "sec-websocket-key")) return;
  plain.add(String(conn));
  if (plain.size > ROWS) plain.delete(plain.values().next().value);
  // Hides the row that says that the connection opened.
  for (const row of list.querySelectorAll(`[data-conn="${conn}"]`)) row.hidden = !isSeen(row);
};
const filter = () => {
  for (const row of list.children) row.hidden = !isSeen(row);
};
const knowConnection = (conn) => {
  if (!conn || connections.has(conn)) return;
  connections.add(conn);
  const select = element("conn");
  const option = make("option", "", `#${conn}`);
  option.value = conn;
  select.append(option);
  if (select.length > 101) select[1].remove();
};

// ---- Adding rows at the end and removing the oldest rows.
const showGone = () => {
  element("gone").textContent = gone ? `${gone} older rows were removed.` : "";
};
const add = (event) => {
  if (event.gap) gone += event.gap;
  else {
    knowConnection(event.conn);
    notePlain(event);
    const row = rowOf(event);
    row.hidden = !isSeen(row);
    list.append(row);
  }
  while (list.children.length > ROWS) {
    if (list.firstElementChild === chosen) chosen = null;
    list.firstElementChild.remove();
    gone += 1;
  }
};
// Draws all events of 30 ms together. Until then, the events wait in an array, which has a maximum length.
let burst = [];
const draw = () => {
  const batch = burst;
  burst = []; // before the loop: an event that fails in add() does not stop later events
  for (const event of batch) add(event);
  showGone();
  if (framed && chooses) choose(Array.from(list.querySelectorAll('[data-kind="data"][data-from="client"]')).at(-1));
  if (element("follow").checked) list.scrollTop = list.scrollHeight;
};
const take = (event) => {
  const queue = paused ? waiting : burst;
  queue.push(event);
  if (queue.length > WAITING) {
    queue.shift();
    gone += 1;
  }
  if (paused) return showPause();
  if (queue.length === 1) setTimeout(draw, 30);
};

// ---- Selecting a row, by mouse and by keyboard.
const choose = (row) => {
  if (!row || row === chosen) return;
  chosen?.setAttribute("aria-selected", "false");
  chosen = row;
  row.setAttribute("aria-selected", "true");
  row.id = "chosen";
  list.querySelectorAll("#chosen").forEach((other) => other !== row && other.removeAttribute("id"));
  list.setAttribute("aria-activedescendant", "chosen");
  row.scrollIntoView({ block: "nearest" });
  showDetail(events.get(row));
};
list.addEventListener("click", ({ target }) => {
  chooses = false;
  choose(target.closest("#frames > li"));
  element("detail").scrollIntoView({ block: "nearest" }); // on a phone, the details are below the list
});
list.addEventListener("keydown", (event) => {
  const seen = Array.from(list.children).filter((row) => !row.hidden);
  const at = seen.indexOf(chosen);
  const to = { ArrowDown: at + 1, ArrowUp: Math.max(at < 0 ? seen.length - 1 : at - 1, 0), Home: 0, End: seen.length - 1 };
  if (!(event.key in to)) return;
  event.preventDefault();
  chooses = false;
  element("follow").checked = event.key === "End"; // new rows must not move the selected row
  choose(seen[to[event.key]]);
});

// ---- Pause, follow, filters.
const showPause = () => {
  element("pause").textContent = paused ? `Resume (${waiting.length} waiting)` : "Pause";
  element("pause").setAttribute("aria-pressed", paused);
};
element("pause").addEventListener("click", () => {
  paused = !paused;
  if (!paused) {
    for (const event of waiting) add(event);
    waiting = [];
    draw();
  }
  showPause();
});
list.addEventListener("wheel", ({ deltaY }) => {
  if (deltaY < 0) element("follow").checked = false;
});
element("follow").addEventListener("change", draw);
for (const id of ["data", "control", "http", "files", "conn"]) element(id).addEventListener("change", filter);
element("controls").addEventListener("submit", (event) => event.preventDefault());

// ---- The source of the events: the server of this page.
const status = (state, sentence) => {
  element("status").textContent = state;
  element("status").dataset.state = { live: "OPEN", connecting: "CONNECTING" }[state] ?? "CLOSED";
  element("closed").textContent = sentence;
};
// Keeps the token for a reload of this tab, because the address bar no longer contains it.
const takeToken = () => {
  const found = tokenOfLink();
  if (found !== undefined) sessionStorage.setItem("xray", found);
  return sessionStorage.getItem("xray") ?? "";
};
let viewer = null; // the newest WebSocket to the server
const connect = (url) => {
  const socket = new WebSocket(url);
  let opened = false;
  viewer = socket;
  status("connecting", "");
  socket.addEventListener("open", () => {
    opened = true;
    status("live", "");
  });
  let over = false;
  socket.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data);
    take(event);
    over = framed && Boolean(event.end);
    if (over) socket.close(); // frees a connection of the server: no more events will arrive
  });
  socket.addEventListener("close", async (event) => {
    if (over) return socket === viewer && status("ended", "The connection has ended. Its frames stay in the list.");
    const end = framed ? "The server has stopped." : "zcomm xray has stopped.";
    const ended = event.code === 1001 || (opened && event.code === 1006);
    const open = wantsToken(event) ? ". To fix it: open the link that zcomm xray --page printed" : "";
    const reason = async () => (event.code === 1006 ? (await why(socket, opened)).sentence : explain(event) + open);
    const sentence = ended ? `${end} The frames stay in the list.` : `Nothing is shown: ${await reason()}`;
    if (socket === viewer) status("ended", sentence);
  });
};

// In an iframe, the parent page sends the address to connect to, and the command that starts the server.
const framed = window !== parent;
document.documentElement.classList.toggle("framed", framed);
if (framed) {
  status("no frames yet", "Press Connect to see its frames.");
  window.addEventListener("message", ({ source, data }) => {
    if (source !== parent) return;
    if ("large" in data) return enlarge(data.large);
    element("command").textContent = data.command;
    connect(data.url);
  });
} else if (isStray) {
  status("no frames", "To see frames, open the page of the lesson and press Show the wire.");
} else if (ownServer) {
  connect(`${ownServer}?token=${takeToken()}&attempt=${randomWord()}`);
} else {
  status("no server", "This page needs a server: open the link that zcomm xray --page prints.");
}
