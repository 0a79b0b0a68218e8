// Search as one types: the best definitions in a list, and the code of the chosen one beside it.

import { Asker, get } from "./asking.js";
import { byId, el } from "./dom.js";
import { listing } from "./listing.js";

const state = { matches: [], chosen: -1, info: null };
const query = byId("query");
const results = byId("results");
const asker = new Asker({ onStart: () => results.setAttribute("aria-busy", "true"), onAnswer: receive, onProblem: complain, to: "api/search", wait: 120 });

function ask(options) {
  byId("clear").hidden = !query.value;
  const asked = new URLSearchParams();
  for (const [name, control] of [["q", query], ["language", byId("language")], ["kind", byId("kind")], ["path", byId("path")]]) {
    if (control.value) asked.set(name, control.value);
  }
  const text = asked.toString();
  history.replaceState(null, "", text.length < 2000 && text ? `search?${text}` : "search");
  asker.ask(() => ({
    query: query.value,
    language: byId("language").value || null,
    kind: byId("kind").value || null,
    path: byId("path").value.trim() || null,
  }), options);
}

function say(text) {
  byId("live").textContent = text;
}

function message(text, kind = "") {
  byId("messages").replaceChildren(...(text ? [el("li", { class: kind }, text)] : []));
}

function complain(text) {
  results.removeAttribute("aria-busy");
  message(text, "problem");
  say(text);
}

function receive(answer, body) {
  results.removeAttribute("aria-busy");
  message(answer.note);
  const before = state.matches[state.chosen];
  state.matches = answer.matches;
  results.replaceChildren(...answer.matches.map(option));
  results.scrollTop = 0;
  query.setAttribute("aria-expanded", String(answer.matches.length > 0));
  const count = answer.matches.length;
  byId("facts").textContent = body.query.trim()
    ? `${count} result${count === 1 ? "" : "s"} · ${Math.round(answer.milliseconds)} ms` : holds();
  // what was being read stays chosen only while it stays the best: typing on means looking for something better
  const same = before ? answer.matches.findIndex((match) => match.file === before.file && match.line === before.line) : -1;
  choose(same === 0 ? 0 : Math.min(0, count - 1));
  if (!body.query.trim()) say("");
  else say(count ? `${count} results. Best: ${answer.matches[0].qualified_name}, ${answer.matches[0].file}, line ${answer.matches[0].line}.` : answer.note);
}

function holds() {
  if (!state.info) return "";
  const { definitions, folder } = state.info;
  return `${definitions.toLocaleString("en")} definitions in ${folder}`;
}

function option(match, i) {
  const keep = (event) => event.preventDefault(); // the focus stays where one types
  return el("div", { role: "option", id: `result-${i}`, "aria-selected": false, onmousedown: keep, onclick: () => pick(i), ondblclick: read },
    el("p", { class: "title" }, el("code", {}, match.qualified_name), el("span", { class: "kind" }, match.kind)),
    el("p", { class: "file" }, el("span", {}, `${match.file}:${match.line}`), el("span", {}, match.label)),
    match.doc && el("p", { class: "says" }, match.doc),
    el("p", { class: "why" }, match.why));
}

function pick(i) {
  choose(i);
  if (matchMedia("(max-width: 1000px)").matches) byId("shown").scrollIntoView({ block: "start" }); // it lies below
}

function choose(i) {
  state.chosen = i;
  results.querySelectorAll('[aria-selected="true"]').forEach((one) => one.setAttribute("aria-selected", "false"));
  const chosen = results.children[i];
  if (chosen) {
    chosen.setAttribute("aria-selected", "true");
    chosen.scrollIntoView({ block: "nearest" });
    query.setAttribute("aria-activedescendant", chosen.id);
  } else {
    query.removeAttribute("aria-activedescendant");
  }
  show(state.matches[i]);
}

function show(match) {
  for (const id of ["place", "listing", "why"]) byId(id).hidden = !match;
  byId("doc").hidden = !match?.doc;
  byId("nothing").hidden = Boolean(match);
  if (!match) return;
  const last = match.end_line > match.line ? `–${match.end_line}` : "";
  byId("shown-title").replaceChildren(
    el("code", {}, match.qualified_name), el("span", { class: "file" }, `${match.file}:${match.line}${last}`));
  byId("doc").textContent = match.doc;
  byId("why").textContent = `Why: ${match.why}${match.cut ? ". The code goes on in the file." : ""}`;
  const box = byId("listing");
  box.setAttribute("aria-label", `Code of ${match.qualified_name}`);
  const lines = match.code.split("\n").length;
  const telling = lines > 2 * match.snippet.length ? match.snippet.slice(1) : []; // of a short one all lines tell
  box.replaceChildren(...listing(match.code, match.tokens, { first: match.outline ? null : match.line, telling }));
  const most = box.querySelector(".telling");
  const below = most ? most.offsetTop - box.offsetTop : 0;
  box.scrollTop = below > box.clientHeight * 0.7 ? below - box.clientHeight / 3 : 0;
  byId("like").hidden = match.kind === "module" || match.kind === "section";
}

function read() {
  if (state.chosen < 0) return;
  byId("listing").focus();
  byId("shown").scrollIntoView({ block: "nearest" });
}

function place(match) {
  return `${match.file}:${match.line}`;
}

async function copy() {
  const match = state.matches[state.chosen];
  try {
    await navigator.clipboard.writeText(place(match));
    say(`Copied ${place(match)}`);
    byId("copy").textContent = "Copied";
    setTimeout(() => (byId("copy").textContent = "Copy place"), 1500);
  } catch {
    complain(`The browser does not let this page copy: ${place(match)}`);
  }
}

function similar() {
  const match = state.matches[state.chosen];
  query.value = `${match.file}:${match.qualified_name}:${match.line}`;
  query.focus();
  ask({ now: true });
}

function clear() {
  query.value = "";
  query.focus();
  ask({ now: true });
}

function keys(event) {
  if (event.isComposing) return;
  const most = state.matches.length - 1;
  const to = { ArrowDown: state.chosen + 1, ArrowUp: state.chosen - 1, PageDown: state.chosen + 5, PageUp: state.chosen - 5 }[event.key];
  if (to !== undefined && most >= 0) {
    event.preventDefault();
    choose(Math.max(0, Math.min(most, to)));
  } else if (event.key === "Enter") {
    event.preventDefault();
    read();
  } else if (event.key === "Escape" && query.value) {
    event.preventDefault();
    clear();
  }
}

async function start() {
  query.addEventListener("input", () => ask());
  query.addEventListener("keydown", keys);
  byId("clear").addEventListener("click", clear);
  byId("copy").addEventListener("click", copy);
  byId("like").addEventListener("click", similar);
  for (const id of ["language", "kind"]) byId(id).addEventListener("change", () => ask({ now: true }));
  byId("path").addEventListener("input", () => ask());
  byId("shown").addEventListener("keydown", (event) => {
    if (event.key === "Escape") query.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.matches("input, select, textarea") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      query.focus();
      query.select();
    }
  });
  try {
    state.info = await get("api/index");
  } catch {
    complain("There is no index here. Start the server with: phloem serve --index PATH");
    return;
  }
  byId("language").append(...state.info.languages.map((language) =>
    el("option", { value: language.name }, `${language.label} (${language.definitions.toLocaleString("en")})`)));
  byId("nothing").replaceChildren(
    el("p", {}, `Ask in words what the code does, paste a piece of code, or name a function as FILE:NAME to find what is like it.`));
  const asked = new URLSearchParams(location.search);
  query.value = asked.get("q") ?? "";
  for (const id of ["language", "kind", "path"]) byId(id).value = asked.get(id) ?? "";
  byId("facts").textContent = holds();
  ask({ now: true });
}

start();
