"use strict";
// The details of one X-ray event. Text from the network is added as plain text, never as HTML.

const SHOWN = 128; // the maximum number of payload bytes to show

// Replaces characters that are invisible or change the direction of the text.
const visible = (text) =>
  text
    .replace(/[\u0000-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421")
    .replace(/[\u0080-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, "\ufffd");

const bytesOf = (digits) => Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const counted = (bytes) => plural(bytes, "byte");
const character = (byte) => (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : byte === 0x20 ? "\u2423" : "·");

// ---- The header of a frame, bit by bit (RFC 6455, section 5.2).
const bits = (byte, mask) => {
  const digits = Array.from({ length: 8 }, (_, at) => {
    const bit = 0x80 >> at;
    return mask & bit ? (byte & bit ? "1" : "0") : ".";
  }).join("");
  return `${digits.slice(0, 4)} ${digits.slice(4)}`;
};

const headerRows = (frame) => {
  const [first, second, ...longer] = bytesOf(frame.header);
  const short = second & 0x7f;
  const rows = [
    ["op", two(first), bits(first, 0x80), frame.fin ? "FIN: the last frame of its message" : "FIN: 0, more frames follow"],
    ["op", "", bits(first, 0x70), `RSV: ${frame.rsv.some(Boolean) ? "set, valid only with a negotiated extension" : "0"}`],
    ["op", "", bits(first, 0x0f), `opcode ${frame.code}: ${frame.opcode}`],
    ["len", two(second), bits(second, 0x80), `MASK: ${frame.mask ? "yes, as a client must" : "no, a server must not"}`],
  ];
  const extended = short < 126 ? 0 : short === 126 ? 2 : 8;
  const meaning = extended ? `${short}: the length is in the next ${extended} bytes` : `length ${frame.length}`;
  rows.push(["len", "", bits(second, 0x7f), meaning]);
  if (extended) rows.push(["len", longer.slice(0, extended).map(two).join(" "), "", `length ${frame.length}`]);
  if (frame.mask) rows.push(["key", bytesOf(frame.mask).map(two).join(" "), "", "masking key"]);
  return rows;
};

const table = (caption, rows) => {
  const made = make("table", "", make("caption", "", caption));
  for (const [kind, ...cells] of rows) {
    const row = make("tr", kind, ...cells.map((cell, at) => make(at === 0 ? "th" : "td", "", cell)));
    made.append(row);
  }
  return made;
};

// ---- The payload of a frame: masked byte XOR key byte = byte.
const payloadOf = (frame) => {
  const came = bytesOf(frame.payload);
  const clear = bytesOf(frame.unmasked);
  const key = frame.mask ? bytesOf(frame.mask) : null;
  const list = make("ol", key ? "xor" : "xor clear");
  clear.slice(0, SHOWN).forEach((byte, at) => {
    const steps = key ? [make("i", "", two(came[at])), make("i", "key", two(key[at % 4]))] : [];
    list.append(make("li", "", ...steps, make("b", "", two(byte)), make("span", "", character(byte))));
  });
  const parts = [list];
  const more = frame.length - Math.min(clear.length, SHOWN);
  if (more > 0) parts.push(make("p", "note", `… and ${counted(more)} more`));
  if (key && clear.length) {
    parts.unshift(make("p", "note", "Each column: masked byte XOR key byte = byte. The four key bytes repeat."));
  }
  return parts;
};

const said = (name, text) => make("p", "said", make("span", "note", `${name} `), make("q", "", visible(text)));

const frameDetail = (frame) => {
  const parts = [table("The header", headerRows(frame))];
  parts.push(make("h3", "", `The payload, ${counted(frame.length)}`), ...payloadOf(frame));
  if (frame.compressed) parts.push(make("p", "note", "Compressed, as negotiated in the handshake."));
  if (frame.text !== undefined) parts.push(said("as text", frame.text));
  if (frame.close) parts.push(said(`code ${frame.close.code}, reason`, frame.close.reason));
  if (frame.message) {
    const { frames, length, text } = frame.message;
    parts.push(make("h3", "", `The message: ${counted(length)} in ${frames} frames`));
    if (text !== undefined) parts.push(said("as text", text));
  }
  if (frame.missing) parts.push(make("p", "error", `! ${counted(frame.missing)} missing`));
  return parts;
};

// ---- The head of an HTTP request or response, with the calculation of Sec-WebSocket-Accept.
const headDetail = (head) => {
  const list = make("ul", "head", make("li", "line", visible(head.line)));
  for (const { name, value, remark } of head.headers) {
    const line = make("li", "", make("b", "", visible(name)), visible(`: ${value}`));
    if (remark) line.append(make("span", "note", remark));
    list.append(line);
  }
  const parts = [list];
  if (head.accept) {
    const { key, guid, sha1, sum, right } = head.accept;
    const rows = [
      ["", "the key", visible(key)],
      ["", "and the GUID", guid],
      ["", "SHA-1 of both", sha1],
      [right ? "right" : "wrong", "as base64", `${sum} (${right ? "equal" : "the server did not send this value"})`],
    ];
    parts.push(table("How Sec-WebSocket-Accept is calculated", rows));
  }
  for (const remark of head.remarks ?? []) parts.push(make("p", "note", visible(remark)));
  return parts;
};

// ---- Any event: its name, its kind for the filters, and its details.
const WAYS = { client: "client → server", server: "server → client" };
const describe = (event) => {
  const { frame, open, end, body, raw } = event;
  if (frame) {
    const part = frame.part ? ` (part ${frame.part})` : "";
    return { kind: frame.code & 8 ? "control" : "data", name: frame.opcode + part, detail: () => frameDetail(frame) };
  }
  const head = event.request ?? event.response;
  if (head) return { kind: "http", name: event.request ? "request" : "response", detail: () => headDetail(head), text: head.line };
  if (body) return { kind: "http", name: "body", text: counted(body.bytes) };
  if (raw) return { kind: "http", name: "bytes", text: `${counted(raw.bytes)}, neither HTTP nor a frame` };
  if (open) return { kind: "life", name: "open", text: `${open.peer ?? ""}${open.tls ? ", decrypted" : ""}` };
  if (end) {
    const text = `${counted(end.client_bytes)} from the client, ${counted(end.server_bytes)} from the server`;
    return { kind: "life", name: "end", text };
  }
  if (event.not_shown) return { kind: "life", name: "…", text: `${event.not_shown.frames} frames not shown` };
  return { kind: "life", name: "unknown", text: JSON.stringify(event) };
};

const showDetail = (event) => {
  const { name, text, detail } = describe(event);
  const way = WAYS[event.from] ? `${WAYS[event.from]}, ` : "";
  const parts = [make("h2", "", `#${event.conn} ${way}${name}`)];
  for (const { section, what } of event.errors ?? []) parts.push(make("p", "error", `! RFC 6455, ${section}: ${what}`));
  parts.push(...(detail ? detail() : [make("p", "", visible(text))]));
  element("detail").replaceChildren(...parts);
  element("detail").scrollTop = 0;
};
