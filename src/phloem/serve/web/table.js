// The attended paths of a word as a table: what the drawing shows, for eyes and for screen readers.

import { el, percent } from "./dom.js";

function route(path) {
  const parts = [];
  path.labels.forEach((label, i) => {
    if (i) {
      const up = path.top < 0 || i <= path.top;
      parts.push(el("span", { class: "step", "aria-hidden": "true" }, path.top < 0 ? " · " : up ? " ↑ " : " ↓ "));
    }
    parts.push(el("span", { class: i === path.top ? "label top" : "label" }, label));
  });
  return parts;
}

const end = (text) => (text === "METHOD_NAME" ? el("em", {}, "its own name") : el("code", {}, text.replaceAll("|", " ")));

// `pin(number | null)` keeps one path alone on the drawings, `point(number | null)` shows it for a moment.
export function showTable(holder, paths, title, { pinned, pin, point }) {
  holder.replaceChildren(
    el("table", {},
      el("caption", {}, title),
      el("thead", {}, el("tr", {}, ["Attention", "From", "To", "Path"].map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, paths.map((path, i) =>
        el("tr", { class: pinned === i ? "pinned" : null, onpointerenter: () => point(i), onpointerleave: () => point(null) },
          el("td", {}, el("button", {
            type: "button", "aria-pressed": pinned === i, class: "weight", "data-path": i,
            "aria-label": `${percent(path.weight)}: show only this path`,
            onclick: () => pin(pinned === i ? null : i),
          }, el("span", { class: "bar", css: { width: `${100 * path.weight}%` } }), el("span", { class: "share" }, percent(path.weight)))),
          el("td", {}, end(path.left.text)),
          el("td", {}, end(path.right.text)),
          el("td", { class: "route" }, route(path)))))));
}
