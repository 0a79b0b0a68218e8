// Code that is read, not written: line numbers, colours, and a mark beside the lines that tell most.

import { el } from "./dom.js";
import { Offsets } from "./offsets.js";

// `tokens`: {start, end, kind} in bytes, as the server gives them; `first`: the number of the first line, null for none.
export function listing(code, tokens, { first = null, telling = [] } = {}) {
  const offsets = new Offsets(code);
  const marked = new Set(telling);
  const rows = [];
  let token = 0;
  let at = 0;
  code.split("\n").forEach((text, i) => {
    const end = at + text.length;
    const parts = [];
    let done = at;
    while (token < tokens.start.length && offsets.at(tokens.start[token]) < end) {
      const from = Math.max(done, offsets.at(tokens.start[token]));
      const to = Math.min(end, offsets.at(tokens.end[token]));
      if (from > done) parts.push(code.slice(done, from));
      if (to > from) parts.push(el("span", { class: tokens.kind[token] }, code.slice(from, to)));
      done = Math.max(done, to);
      if (offsets.at(tokens.end[token]) > end) break; // goes on in the next line
      token += 1;
    }
    if (done < end) parts.push(code.slice(done, end));
    const number = first === null ? null : first + i;
    rows.push(
      el("div", { class: marked.has(number) ? "row telling" : "row" },
        el("span", { class: "number", "aria-hidden": "true", "data-number": number ?? "" }),
        el("code", {}, ...parts, "\n")),
    );
    at = end + 1;
  });
  return rows;
}
