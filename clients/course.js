"use strict";
// The chapters: progress, copy buttons, quiz and search. Without this script, all of the text can be read.

const element = (id) => document.getElementById(id);
const make = (tag, ...content) => {
  const made = document.createElement(tag);
  made.append(...content); // strings become text, never markup
  return made;
};

// ---- Progress. A cookie, because all ports of a host share it: lesson 3 has another port. The path keeps the cookie
// out of the handshakes.
const COOKIE = "zcomm_done=";
const readDone = () => {
  const cookie = document.cookie.split("; ").find((other) => other.startsWith(COOKIE)) ?? "";
  return new Set(cookie.slice(COOKIE.length).split("~").filter(Boolean));
};
const writeDone = (done) => {
  document.cookie = `${COOKIE}${[...done].join("~")}; path=/course/; max-age=31536000; samesite=strict`;
};
const current = document.querySelector("#contents li:has(> [aria-current])")?.dataset.chapter;

const showProgress = () => {
  const done = readDone();
  for (const item of document.querySelectorAll("[data-chapter]")) {
    const isDone = done.has(item.dataset.chapter);
    item.classList.toggle("done", isDone);
    const link = item.querySelector("a");
    link.removeAttribute("aria-label");
    if (isDone) link.setAttribute("aria-label", `${link.textContent} (done)`);
  }
  const button = element("done");
  button?.setAttribute("aria-pressed", done.has(current));
  if (button) button.textContent = done.has(current) ? "Done ✓" : "Mark as done";
  if (element("progress")) showMap();
};
const showMap = () => {
  const chapters = [...document.querySelectorAll("main > .map > li:not(.part)")];
  const open = chapters.filter((item) => !item.classList.contains("done"));
  const count = chapters.length - open.length;
  const [bar, words] = element("progress").children;
  [bar.max, bar.value] = [chapters.length, count];
  words.textContent = `${count} of ${chapters.length} done`;
  const next = open[0]?.querySelector("a");
  element("continue").hidden = !next;
  if (!next) return;
  element("continue").href = next.href;
  element("continue").textContent = `${count ? "Continue" : "Begin"}: ${next.textContent}`;
};
element("done")?.addEventListener("click", () => {
  const done = readDone();
  if (!done.delete(current)) done.add(current);
  writeDone(done);
  showProgress();
});
window.addEventListener("pageshow", showProgress); // also after the browser's Back
// Shows the current chapter in the list, which may be longer than the window.
const list = element("contents");
const mark = list.querySelector("[aria-current]");
if (mark) list.scrollTop = mark.parentElement.offsetTop - list.clientHeight / 3;

// ---- Copy. On a page that came over http from another machine, browsers give no clipboard. Then the script selects
// the command, and copies the selection as Ctrl-C does.
const copy = async (block) => {
  const text = block.textContent.trimEnd();
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(block);
    return document.execCommand("copy");
  }
};
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const isCopied = await copy(button.closest("figure").querySelector("code"));
    button.textContent = isCopied ? "Copied" : "Press Ctrl-C";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

// ---- Syntax colours, as on the lesson's page.
for (const block of document.querySelectorAll(".quoted code")) {
  block.replaceChildren(...coloured(block.textContent));
}

// ---- The quiz. A click on an option says whether it is right. The right option also opens the answer.
for (const button of document.querySelectorAll(".options button")) {
  button.addEventListener("click", () => {
    const { option } = button.dataset;
    button.dataset.chosen = option;
    button.dataset.verdict = option === "right" ? "right ✓" : "not this one";
    if (option === "right") button.closest(".quiz > li").querySelector("details").open = true;
  });
}

// ---- Links. Readers stop the lesson between two chapters. Then the page says what to do, instead of the browser's error.
document.addEventListener("click", async (event) => {
  element("away").hidden = true;
  const link = event.target.closest("a");
  const isOther = link?.origin === location.origin && link.pathname !== location.pathname;
  if (!isOther || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    await fetch(link.href, { method: "HEAD" });
    location.href = link.href;
  } catch {
    element("away").hidden = false;
  }
});

// ---- Search: every word must be in the section. Sections with the words in their title come first.
const MOST = 12;
let sections;
const load = async () => {
  const list = await (await fetch("/course/search.json")).json();
  return list.map(([title, link, text]) => ({ title, link, text, lower: `${title}\n${text}`.toLowerCase() }));
};
const score = ({ title }, words) => words.filter((word) => title.toLowerCase().includes(word)).length;
// Some text around the first word that the text contains.
const excerpt = (text, words) => {
  const lower = text.toLowerCase();
  const word = words.find((other) => lower.includes(other));
  if (!word) return [text.slice(0, 120)];
  const at = lower.indexOf(word);
  const start = at < 60 ? 0 : text.indexOf(" ", at - 60);
  const end = at + word.length;
  return [text.slice(start, at), make("mark", text.slice(at, end)), text.slice(end, at + 100), "…"];
};
const result = ({ title, link, text }, words) => {
  const anchor = make("a", make("b", title), make("span", ...excerpt(text, words)));
  anchor.href = link;
  return make("li", anchor);
};
const search = async () => {
  const words = element("query").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [status, list] = element("found").children;
  element("found").hidden = !words.length;
  try {
    sections ??= load();
    const found = (await sections).filter(({ lower }) => words.every((word) => lower.includes(word)));
    found.sort((a, b) => score(b, words) - score(a, words));
    status.textContent = `${found.length} found${found.length > MOST ? `, the first ${MOST}:` : ""}`;
    list.replaceChildren(...found.slice(0, MOST).map((section) => result(section, words)));
  } catch {
    sections = undefined;
    status.textContent = "The server does not answer. Is the lesson running?";
  }
};
const closeSearch = () => (element("found").hidden = true);
element("query").addEventListener("input", search);
element("query").addEventListener("focus", search);
element("found").addEventListener("click", closeSearch);
element("text").addEventListener("click", closeSearch);
element("search").addEventListener("submit", (event) => {
  event.preventDefault();
  element("found").querySelector("a")?.click();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeSearch();
  if (event.key !== "/" || event.target.closest("input")) return;
  event.preventDefault();
  element("query").focus();
});
