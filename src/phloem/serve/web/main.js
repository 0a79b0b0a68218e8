// The page: what was typed goes to the server, what comes back is shown, and a chosen word is explained.

import { say, showFunctions, showMessages, showSuggestions, spoken, TASKS } from "./answers.js";
import { Asker, get } from "./asking.js";
import { byId, el, percent, rove } from "./dom.js";
import { Editor } from "./editor.js";
import { Offsets } from "./offsets.js";
import { showTable } from "./table.js";
import { TreeDrawing } from "./tree.js";

const state = {
  answer: null, // the last response, for the text as it stands
  offsets: null,
  labels: {}, // languages by name
  chosen: 0, // function
  task: "names",
  suggestion: { names: 0, summaries: 0 },
  word: 0,
  pinned: null, // path
  whole: false,
};

const editor = new Editor(byId("editor"), { onInput: () => ask(), onCaret: follow });
const drawing = new TreeDrawing(byId("drawing"), { onPoint: point });
const asker = new Asker({ onStart: waiting, onAnswer: receive, onProblem: complain });

function ask(options) {
  asker.ask(() => ({ source: editor.value, language: byId("language").value || null }), options);
}

function waiting() {
  byId("answers").setAttribute("aria-busy", "true");
}

function complain(text) {
  byId("answers").removeAttribute("aria-busy");
  showMessages(byId("messages"), [{ kind: "problem", text }]);
  say(text);
}

function receive(answer, body) {
  byId("answers").removeAttribute("aria-busy");
  const offsets = new Offsets(body.source);
  const before = state.answer?.functions[state.chosen]?.name;
  Object.assign(state, { answer, offsets, pinned: null });
  const { start, end, kind } = answer.tokens;
  editor.colour(kind.map((what, i) => ({ start: offsets.at(start[i]), end: offsets.at(end[i]), kind: what })));
  const inside = document.activeElement === editor.area ? functionAt(editor.area.selectionStart) : -1;
  const same = answer.functions.findIndex((found) => found.name === before);
  state.chosen = inside >= 0 ? inside : Math.max(0, same);
  for (const task of TASKS) {
    const most = (answer.functions[state.chosen]?.[task]?.suggestions.length ?? 1) - 1;
    state.suggestion[task] = Math.min(state.suggestion[task], Math.max(0, most));
  }
  showMessages(byId("messages"), answer.messages);
  const label = state.labels[answer.language] ?? answer.language;
  const count = answer.functions.length;
  byId("facts").textContent =
    `${label}${answer.detected ? " (detected)" : ""} · ${count} function${count === 1 ? "" : "s"} · ${Math.round(answer.milliseconds)} ms`;
  show();
  const found = answer.functions[state.chosen];
  say([...answer.messages.map((message) => message.text), found ? spoken(found) : ""].join(" ").trim());
}

// The innermost function around an offset of the text.
function functionAt(offset) {
  let inside = -1;
  state.answer?.functions.forEach((found, i) => {
    if (state.offsets.at(found.start) <= offset && offset <= state.offsets.at(found.end)) inside = i;
  });
  return inside;
}

function follow(offset) {
  if (editor.value !== state.offsets?.text) return;
  const inside = functionAt(offset);
  if (inside >= 0 && inside !== state.chosen) choose(inside, { quiet: true });
}

function choose(i, { quiet = false } = {}) {
  Object.assign(state, { chosen: i, suggestion: { names: 0, summaries: 0 }, word: 0, pinned: null });
  const group = byId("functions");
  const focused = group.contains(document.activeElement);
  show();
  if (focused) group.querySelector('[aria-pressed="true"]').focus();
  if (!quiet) say(spoken(state.answer.functions[i]));
}

function change(part) {
  Object.assign(state, part, { pinned: null });
  show();
}

// The word that is asked about: {task, word, paths}; without a suggestion, no paths.
function asked() {
  const found = state.answer.functions[state.chosen];
  const task = [state.task, ...TASKS].find((one) => found[one]?.suggestions.length);
  if (!task) return { found, task: null, paths: [] };
  const suggestion = found[task].suggestions[state.suggestion[task]];
  const word = Math.max(0, Math.min(state.word, suggestion.words.length - 1));
  return { found, task, suggestion, word, paths: suggestion.attention[word] ?? [] };
}

function show() {
  const { functions } = state.answer;
  showFunctions(byId("functions"), functions, state.chosen, choose);
  byId("paths").hidden = functions.length === 0;
  if (!functions.length) {
    byId("suggestions").replaceChildren();
    drawing.clear();
    editor.clear();
    return;
  }
  const { found, task, suggestion, word, paths } = asked();
  if (task) state.task = task;
  showSuggestions(byId("suggestions"), found, { ...state, word }, change);
  const title = byId("paths-title");
  if (suggestion && paths.length) {
    title.replaceChildren("Why ", el("mark", {}, suggestion.words[word]), "?", el("span", { class: "count" }, `word ${word + 1} of ${suggestion.words.length}`));
  } else {
    title.replaceChildren(`Syntax tree of ${found.name}`);
  }
  const whole = state.whole || !paths.some((path) => path.nodes.length);
  byId("show-paths").setAttribute("aria-pressed", String(!whole));
  byId("show-tree").setAttribute("aria-pressed", String(whole));
  byId("how-much").hidden = !paths.length;
  const { tree } = found;
  drawing.show(tree, paths, { whole, text: (node) => state.offsets.slice(tree.start[node], tree.end[node]), alone: state.pinned });
  byId("caption").textContent = paths.length
    ? "Edges are as wide as the attention that flows through them, arcs grow with it. + and − zoom, 0 fits."
    : `${tree.parent.length} nodes. + and − zoom, 0 fits.`;
  byId("table").hidden = !paths.length;
  table();
  onCode();
}

function table() {
  const { suggestion, word, paths } = asked();
  if (!paths.length) return byId("table").replaceChildren();
  const sum = paths.reduce((total, path) => total + path.weight, 0);
  const title = `The ${paths.length} paths with the most attention for “${suggestion.words[word]}”, ${percent(Math.min(1, sum))} of it together`;
  showTable(byId("table"), paths, title, { pinned: state.pinned, pin, point });
}

function onCode(alone = state.pinned) {
  if (editor.value !== state.offsets.text) return;
  const { found, paths } = asked();
  const unit = ({ start, end }) => ({ start: state.offsets.at(start), end: state.offsets.at(end) });
  editor.draw(unit(found), paths.map((path, i) => ({
    weight: path.weight, left: unit(path.left), right: unit(path.right), on: alone === null || alone === i,
  })));
}

function point(number) {
  if (!state.answer?.functions.length) return;
  const alone = number ?? state.pinned;
  drawing.point(alone);
  onCode(alone);
}

function pin(number) {
  state.pinned = number;
  table();
  point(null);
  byId("table").querySelector(`[data-path="${number ?? 0}"]`)?.focus();
}

function whole(wanted) {
  state.whole = wanted;
  show();
}

async function start() {
  byId("show-paths").addEventListener("click", () => whole(false));
  byId("show-tree").addEventListener("click", () => whole(true));
  byId("zoom-in").addEventListener("click", () => drawing.scale(1.25));
  byId("zoom-out").addEventListener("click", () => drawing.scale(0.8));
  byId("zoom-fit").addEventListener("click", () => drawing.fit());
  rove(byId("functions"));
  let languages, examples;
  try {
    [languages, examples] = await Promise.all([get("api/languages"), get("api/examples")]);
  } catch {
    complain("The server does not answer. Is phloem serve still running?");
    return;
  }
  state.labels = Object.fromEntries(languages.map((language) => [language.name, language.label]));
  byId("language").append(
    ...languages.map((language) => el("option", { value: language.name }, language.label + (language.names ? "" : " (tree only)"))));
  const picker = byId("example");
  const order = [...languages].sort((a, b) => b.names + b.summaries - a.names - a.summaries);
  for (const language of order) {
    const own = examples.filter((example) => example.language === language.name);
    if (own.length) {
      picker.append(el("optgroup", { label: language.label },
        own.map((example) => el("option", { value: examples.indexOf(example) }, `${language.label}: ${example.title}`))));
    }
  }
  const pick = () => {
    const example = examples[picker.value];
    byId("language").value = example.language;
    Object.assign(state, { answer: null, chosen: 0, task: "names", suggestion: { names: 0, summaries: 0 }, word: 0 });
    editor.value = example.source;
    ask({ now: true });
  };
  picker.addEventListener("change", pick);
  byId("language").addEventListener("change", () => ask({ now: true }));
  pick();
}

start();
