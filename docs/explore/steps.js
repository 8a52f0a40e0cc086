"use strict";
// The engine of all explanations: docs/explore/steps.js. UPDATE_DOCS=1 copies it into each page. Steps are data: `say` is the sentence of a step. A
// page defines `draw(index)`, which draws the picture of a step, and calls `play` with its steps.
const $ = (id) => document.getElementById(id);
const make = (tag, className, ...content) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content); // strings become text, never markup
  return made;
};

// The link at the end leads to the file of the chapter. A server and a book have the chapter as a page.
const chapter = document.querySelector("footer a");
if (location.protocol !== "file:") chapter.href = chapter.href.replace(/md$/, "html");

let steps = [];
let at = 0;
const show = (index) => {
  at = Math.max(0, Math.min(index, steps.length - 1));
  $("say").textContent = steps[at].say;
  $("count").textContent = `Step ${at + 1} of ${steps.length}`;
  // Not `disabled`: a disabled button loses the focus.
  $("back").setAttribute("aria-disabled", at === 0);
  $("next").setAttribute("aria-disabled", at === steps.length - 1);
  draw(at);
};
const play = (list, index = 0) => {
  steps = list;
  show(index);
};

$("back").addEventListener("click", () => show(at - 1));
$("next").addEventListener("click", () => show(at + 1));
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input") || event.altKey || event.ctrlKey || event.metaKey;
  const target = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: steps.length - 1 }[event.key];
  if (typing || target === undefined) return;
  event.preventDefault(); // the page does not scroll
  show(target);
});

// ---- Ways: a page may tell its story in several ways. Each way is a button with a list of steps.
const ways = (lists) => {
  for (const button of document.querySelectorAll("[data-way]")) {
    button.addEventListener("click", () => {
      for (const other of document.querySelectorAll("[data-way]")) other.setAttribute("aria-pressed", other === button);
      play(lists[button.dataset.way]);
    });
  }
  document.querySelector("[data-way]").click();
};

// ---- Actors: an actor is an element of the picture with an id. A step names the actors that change: `x` and `y` are
// the place, `is` is a word for the style sheet, `text` is a new text. The picture of a step is the sum of all changes
// up to this step, so a step back needs no code. The first step names every actor.
const place = (index) => {
  const past = steps.slice(0, index + 1);
  const actors = {};
  for (const { picture } of past) {
    for (const [id, change] of Object.entries(picture ?? {})) actors[id] = { ...actors[id], ...change };
  }
  for (const [id, { x = 0, y = 0, is = "", text }] of Object.entries(actors)) {
    $(id).style.transform = `translate(${x}px, ${y}px)`;
    $(id).dataset.is = is;
    if (text !== undefined) $(id).querySelector(".t").textContent = text;
  }
  // Lines of code or of the wire. A line that begins with * is lit.
  const lines = past.findLast(({ wire }) => wire)?.wire ?? [];
  const parts = (text) => text.split(/(?<=,)/).flatMap((part) => [part, make("wbr")]); // JSON may break after a comma
  const line = (text) => make("code", text.startsWith("*") ? "lit" : "", ...parts(text.replace(/^\*/, "")));
  $("wire").replaceChildren(...lines.map(line));
};
