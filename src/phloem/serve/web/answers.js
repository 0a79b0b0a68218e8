// The functions, their suggestions, and the words that can be asked about.

import { byId, el, percent, rove } from "./dom.js";

export const TASKS = ["names", "summaries"];

export function showMessages(list, messages) {
  list.replaceChildren(...messages.map((message) => el("li", { class: message.kind }, message.text)));
}

export function showFunctions(holder, functions, chosen, choose) {
  holder.hidden = functions.length < 2;
  holder.replaceChildren(
    ...functions.map((found, i) =>
      el("button", {
        type: "button", "aria-pressed": i === chosen, tabindex: i === chosen ? 0 : -1,
        class: found.names?.flagged ? "flagged" : null, onclick: () => choose(i),
      },
      el("span", { class: "name" }, found.name),
      el("span", { class: "line" }, `line ${found.line}`),
      found.names?.flagged ? el("span", { class: "hidden" }, ", disagrees with its body") : null),
    ),
  );
  holder.querySelector('[aria-pressed="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function present(found) {
  const { probability, flagged } = found.names;
  return el("p", { class: flagged ? "present flagged" : "present" },
    el("span", {}, "Now called "), el("code", {}, found.name),
    el("span", { class: "share" }, percent(probability)),
    el("span", { class: "verdict" }, flagged ? "disagrees with the body" : "not flagged"));
}

function words(task, suggestion, chosen, choose) {
  const group = el("div", {
    class: `words ${task}`, role: "group",
    "aria-label": `${task === "names" ? "Suggested name" : "Suggested summary"}, word by word: choose one to see what it attended to`,
  },
  suggestion.words.map((word, i) =>
    el("button", { type: "button", "data-word": i, "aria-pressed": i === chosen, tabindex: i === Math.max(0, chosen) ? 0 : -1, onclick: () => choose(i) }, word)));
  rove(group);
  return group;
}

const opened = new Set(); // tasks whose alternatives were unfolded

function alternatives(task, suggestions, chosen, choose) {
  const radios = el("fieldset", { class: "alternatives" },
    el("legend", { class: task === "names" ? null : "hidden" }, task === "names" ? "Alternatives" : "Other summaries"),
    suggestions.map((suggestion, i) =>
      el("label", { class: "alternative" },
        el("input", { type: "radio", name: `${task}-suggestion`, value: i, checked: i === chosen, onchange: () => choose(i) }),
        el("span", { class: "text" }, suggestion.text || "(nothing)"),
        el("span", { class: "bar", "aria-hidden": "true" }, el("span", { css: { width: `${100 * suggestion.probability}%` } })),
        el("span", { class: "share" }, percent(suggestion.probability)))));
  if (task === "names") return radios;
  return el("details", { open: opened.has(task), ontoggle: (event) => opened[event.target.open ? "add" : "delete"](task) },
    el("summary", {}, `${suggestions.length - 1} other ${suggestions.length === 2 ? "summary" : "summaries"}`), radios);
}

// What there is to say of a function without a model.
function unnamed({ name, line, end_line, tree }) {
  const inner = new Set(tree.parent);
  const terminals = tree.parent.filter((_, node) => !inner.has(node)).length;
  return el("section", { "aria-labelledby": "only-title" },
    el("h3", { id: "only-title" }, "Function"),
    el("p", { class: "only" }, name),
    el("p", { class: "present" }, `${line === end_line ? `Line ${line}` : `Lines ${line} to ${end_line}`} · ${tree.parent.length} nodes, ${terminals} of them terminals`));
}

// `state`: {task, suggestion: {names, summaries}, word}; `change(part)` merges into it.
export function showSuggestions(holder, found, state, change) {
  const focused = document.activeElement;
  const kept = holder.contains(focused)
    ? [focused.closest("[data-task]")?.dataset.task, focused.dataset.word, focused.type === "radio" ? focused.value : undefined]
    : null;
  const parts = TASKS.filter((task) => found[task]?.suggestions.length).map((task) => {
    const { suggestions, model } = found[task];
    const at = Math.min(state.suggestion[task], suggestions.length - 1);
    const asked = state.task === task ? Math.min(state.word, suggestions[at].words.length - 1) : -1;
    return el("section", { "data-task": task, "aria-labelledby": `${task}-title` },
      el("h3", { id: `${task}-title` }, task === "names" ? "Suggested name" : "Summary",
        el("span", { class: "model" }, model), el("span", { class: "share" }, percent(suggestions[at].probability))),
      words(task, suggestions[at], asked, (word) => change({ task, word })),
      task === "names" ? present(found) : null,
      suggestions.length > 1
        ? alternatives(task, suggestions, at, (i) => change({ task, word: 0, suggestion: { ...state.suggestion, [task]: i } }))
        : null);
  });
  holder.replaceChildren(...(parts.length ? parts : [unnamed(found)]));
  if (kept) {
    const section = holder.querySelector(`[data-task="${kept[0]}"]`);
    const again = kept[1] !== undefined ? `[data-word="${kept[1]}"]` : `input[value="${kept[2]}"]`;
    (section?.querySelector(again) ?? section?.querySelector("button"))?.focus({ preventScroll: true });
  }
}

export function spoken(found) {
  const parts = [];
  const name = found.names?.suggestions[0];
  if (name) {
    parts.push(`Suggested name: ${name.words.join(" ")}, ${percent(name.probability)}.`);
    parts.push(`The present name ${found.name} has ${percent(found.names.probability)}${found.names.flagged ? " and disagrees with the body" : ""}.`);
  }
  const summary = found.summaries?.suggestions[0];
  if (summary) parts.push(`Summary: ${summary.text}`);
  return parts.join(" ");
}

export function say(text) {
  const live = byId("live");
  if (live.textContent !== text) live.textContent = text;
}
