"use strict";
// The list of all that passes: bounded, filtered, paused. What is in one event: xray_detail.js.

const ROWS = 1000; // in the list; older ones are counted
const WAITING = 1000; // while paused
const PREVIEW = 40; // characters of a payload in the list

const list = element("frames");
let chosen = null; // a row
let gone = 0; // rows that made room, and events that were lost on the way
let waiting = []; // while paused
let paused = false;
const events = new WeakMap(); // row → event
const connections = new Set();

// ---- One row: time, connection, direction, name, and the bytes as boxes.
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

// ---- Which rows are seen.
const isSeen = ({ dataset }) => {
  const box = element(dataset.kind === "life" ? "http" : dataset.kind);
  return box.checked && ["", dataset.conn].includes(element("conn").value);
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

// ---- Adding, at the end; the oldest make room.
const tellGone = () => {
  element("gone").textContent = gone ? `${gone} older ones are not shown any more.` : "";
};
const add = (event) => {
  if (event.gap) gone += event.gap;
  else {
    knowConnection(event.conn);
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
// A burst is drawn once, and only by a page that is seen: events wait for that in an array that has a limit, too.
let burst = [];
const draw = () => {
  const batch = burst;
  burst = []; // first: one event that cannot be shown must not stop the others
  for (const event of batch) add(event);
  tellGone();
  if (element("follow").checked) list.scrollTop = list.scrollHeight;
};
const take = (event) => {
  const queue = paused ? waiting : burst;
  queue.push(event);
  if (queue.length > WAITING) {
    queue.shift();
    gone += 1;
  }
  if (paused) return tellPause();
  if (queue.length === 1) setTimeout(draw, 30);
};

// ---- Choosing, by mouse and by keyboard.
const choose = (row) => {
  if (!row) return;
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
  choose(target.closest("#frames > li"));
  element("detail").scrollIntoView({ block: "nearest" }); // on a phone it is below
});
list.addEventListener("keydown", (event) => {
  const seen = Array.from(list.children).filter((row) => !row.hidden);
  const at = seen.indexOf(chosen);
  const to = { ArrowDown: at + 1, ArrowUp: Math.max(at < 0 ? seen.length - 1 : at - 1, 0), Home: 0, End: seen.length - 1 };
  if (!(event.key in to)) return;
  event.preventDefault();
  element("follow").checked = event.key === "End"; // who looks at one does not want to lose it
  choose(seen[to[event.key]]);
});

// ---- Pause, follow, filters.
const tellPause = () => {
  element("pause").textContent = paused ? `Go on (${waiting.length} waiting)` : "Pause";
  element("pause").setAttribute("aria-pressed", paused);
};
element("pause").addEventListener("click", () => {
  paused = !paused;
  if (!paused) {
    for (const event of waiting) add(event);
    waiting = [];
    draw();
  }
  tellPause();
});
list.addEventListener("wheel", ({ deltaY }) => {
  if (deltaY < 0) element("follow").checked = false;
});
element("follow").addEventListener("change", draw);
for (const id of ["data", "control", "http", "conn"]) element(id).addEventListener("change", filter);
element("controls").addEventListener("submit", (event) => event.preventDefault());

// ---- Where it comes from: the server of this page. The token is behind the # of the link, which browsers keep to
// themselves; it moves out of the address bar, and a reload of this tab still knows it.
const status = (state, sentence) => {
  element("status").textContent = state;
  element("status").dataset.state = { live: "OPEN", connecting: "CONNECTING" }[state] ?? "CLOSED";
  element("closed").textContent = sentence;
};
const takeToken = () => {
  const [, found] = /[#&]token=([^&]*)/.exec(location.hash) ?? [];
  if (found !== undefined) {
    history.replaceState(null, "", location.href.split("#")[0]);
    sessionStorage.setItem("xray", found);
  }
  return sessionStorage.getItem("xray") ?? "";
};
let viewer = null; // the newest WebSocket that brings events
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
    if (over) socket.close(); // the connection that it shows is over, and each of these takes a place
  });
  socket.addEventListener("close", async (event) => {
    if (over) return socket === viewer && status("ended", "The connection has ended. What was seen stays here.");
    const end = framed ? "The server has ended." : "zcomm xray has ended.";
    const ended = event.code === 1001 || (opened && event.code === 1006);
    const reason = async () => (event.code === 1006 ? (await why(socket, opened)).sentence : inWords(event));
    const sentence = ended ? `${end} What was seen stays here.` : `Nothing is shown: ${await reason()}`;
    if (socket === viewer) status("ended", sentence);
  });
};

// In a frame, the page around it says which of its connections to show, and how its server is started.
const framed = window !== parent;
document.documentElement.classList.toggle("framed", framed);
if (framed) {
  status("nothing yet", "Press Connect, and it will be here.");
  window.addEventListener("message", ({ source, data }) => {
    if (source !== parent) return;
    element("command").textContent = data.command;
    connect(data.url);
  });
} else if (location.pathname.endsWith("/xray.html") && location.protocol.startsWith("http")) {
  status("nothing to show", "A lesson shows its wire in its own page: open that, and press Show the wire.");
} else if (location.protocol.startsWith("http")) {
  connect(`${location.origin.replace("http", "ws")}/?token=${takeToken()}&attempt=${randomWord()}`);
} else {
  status("no server", "This page needs its server: open the link that zcomm xray --page prints.");
}
