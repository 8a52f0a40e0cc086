"use strict";
// Syntax colours: comments, strings, keywords and numbers of JavaScript and Rust.

const KEYWORDS = "as async await break const else fn for if in let loop match move mut new null return while";
const TOKENS = new RegExp(
  [
    String.raw`(?<comment>\/\/.*)`,
    String.raw`(?<string>"(?:[^"\\]|\\.)*"|\u0060[^\u0060]*\u0060)`,
    String.raw`(?<keyword>\b(?:${KEYWORDS.replaceAll(" ", "|")})\b)`,
    String.raw`(?<number>\b\d+\b)`,
    String.raw`(?<call>\w+!?(?=\())`,
  ].join("|"),
  "g",
);
const coloured = (text) => {
  const parts = [];
  let end = 0;
  for (const { 0: token, index, groups } of text.matchAll(TOKENS)) {
    const [kind] = Object.entries(groups).find(([, found]) => found !== undefined);
    const span = document.createElement("span");
    span.className = kind;
    span.append(token); // a string becomes text, never markup
    parts.push(text.slice(end, index), span);
    end = index + token.length;
  }
  return [...parts, text.slice(end)];
};
