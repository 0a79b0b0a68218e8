// Programs from examples: a small table, some of whose results are known, and the program that gives them.

import { Asker } from "./asking.js";
import { byId, el, rove } from "./dom.js";
import { listing } from "./listing.js";

const FORMS = [["python", "Python"], ["excel", "Excel"], ["sql", "SQL"], ["program", "Program"]];
const MOST_COLUMNS = 6;
const MOST_ROWS = 500;
const LEAST_ROWS = 8;
const EXAMPLES = [
  ["Initials", [["Ada Lovelace", "A.L."], ["Alan Turing", "A.T."], ["Barbara Liskov", ""], ["Edsger Wybe Dijkstra", ""], ["Grace Hopper", ""]]],
  ["Last name first", [["Ada", "Lovelace", "Lovelace, Ada"], ["Alan", "Turing", ""], ["Barbara", "Liskov", ""], ["Grace", "Hopper", ""]]],
  ["Domain of an address", [["ada@engine.org", "engine.org"], ["alan@bletchley.gov.uk", ""], ["grace@navy.mil", ""]]],
  ["Year of a date", [["14 March 1879", "1879"], ["2 May 1519", "1519"], ["28 November 1660", ""], ["7 November 1867", ""]]],
  ["File name of a path", [["/home/ada/notes.txt", "notes.txt"], ["/srv/data/2026/march.csv", "march.csv"], ["/tmp/a/b/c/d.log", ""]]],
  ["Empty", [["", ""]]],
];

const state = { rows: [], width: 1, answer: null, form: "python" };
const sheet = byId("sheet");
const asker = new Asker({ onStart: () => byId("program").setAttribute("aria-busy", "true"), onAnswer: receive, onProblem: complain, to: "api/synth", wait: 450 });

function say(text) {
  byId("live").textContent = text;
}

// The rows up to the last that has something in it.
function filledRows() {
  let last = state.rows.length;
  while (last > 0 && state.rows[last - 1].every((cell) => !cell)) last -= 1;
  return state.rows.slice(0, last);
}

function ask(options) {
  state.answer = null;
  grow();
  const rows = filledRows();
  for (const field of sheet.querySelectorAll(".result input")) field.placeholder = "";
  sheet.querySelectorAll("tr").forEach((row) => row.classList.remove("asked", "wrong"));
  asker.ask(() => ({ inputs: rows.map((row) => row.slice(0, -1)), outputs: rows.map((row) => row.at(-1)) }), options);
}

function complain(text) {
  byId("program").removeAttribute("aria-busy");
  state.answer = null;
  byId("messages").replaceChildren(el("li", { class: "problem" }, text));
  show();
  say(text);
}

function receive(answer) {
  byId("program").removeAttribute("aria-busy");
  state.answer = answer;
  byId("messages").replaceChildren(el("li", { class: answer.solved || !answer.program ? "" : "problem" }, answer.note));
  const filled = answer.filled.filter((value) => value !== null).length;
  byId("facts").textContent = answer.program ? `${filled} filled · ${answer.seconds.toFixed(1)} s` : "";
  show();
  const parts = [answer.note];
  if (filled) parts.push(`${filled} result${filled === 1 ? "" : "s"} filled in.`);
  if (answer.ask) parts.push(`Question: what should ${answer.ask.inputs.join(", ")} give?`);
  say(parts.join(" "));
}

function show() {
  const { answer } = state;
  answer?.filled.forEach((value, i) => {
    const field = cell(i, state.width);
    if (field) field.placeholder = value ?? "";
  });
  for (const i of answer?.wrong ?? []) sheet.rows[i + 1]?.classList.add("wrong");
  const forms = FORMS.filter(([form]) => answer?.[form]);
  if (forms.length && !forms.some(([form]) => form === state.form)) state.form = forms[0][0];
  byId("forms").replaceChildren(...forms.map(([form, label]) =>
    el("button", { type: "button", "aria-pressed": form === state.form, onclick: () => choose(form) }, label)));
  const box = byId("listing");
  box.hidden = !forms.length;
  byId("copy").disabled = !forms.length;
  byId("copy-results").disabled = !answer?.filled.some((value) => value !== null);
  box.classList.toggle("wraps", state.form !== "python");
  const chosen = answer?.[state.form];
  if (chosen) box.replaceChildren(...(chosen.tokens ? listing(chosen.text.trimEnd(), chosen.tokens, { first: 1 }) : [el("pre", {}, chosen)]));
  doubt(answer?.ask);
}

function choose(form) {
  state.form = form;
  const focused = byId("forms").contains(document.activeElement);
  show();
  if (focused) byId("forms").querySelector('[aria-pressed="true"]').focus();
}

function doubt(asked) {
  byId("ask").hidden = !asked;
  if (!asked) return;
  if (asked.row !== null) sheet.rows[asked.row + 1].classList.add("asked");
  byId("ask-title").textContent = asked.row === null ? "What should this give?" : `What should row ${asked.row + 1} give?`;
  byId("ask-inputs").replaceChildren(...asked.inputs.flatMap((text, i) => [i ? " · " : null, el("code", {}, text || "(empty)")]).filter(Boolean));
  byId("choices").replaceChildren(...asked.outputs.map((output) =>
    el("button", { type: "button", onclick: () => reply(asked, output) }, output)));
}

function reply(asked, output) {
  let row = asked.row;
  if (row === null) {
    row = filledRows().length;
    state.rows[row] = [...asked.inputs, ""];
  }
  state.rows[row][state.width] = output;
  draw();
  ask({ now: true });
  byId("program").focus();
}

const cell = (row, column) => sheet.rows[row + 1]?.cells[column + 1]?.firstChild;
const letter = (column) => "ABCDEFGH"[column];

// There is always an empty row to write in.
function grow() {
  while (state.rows.length < MOST_ROWS && (state.rows.length < LEAST_ROWS || state.rows.at(-1).some(Boolean))) {
    state.rows.push(Array(state.width + 1).fill(""));
    if (sheet.tBodies.length) sheet.tBodies[0].append(row(state.rows.length - 1));
  }
}

function draw() {
  sheet.replaceChildren();
  const heads = Array.from({ length: state.width }, (_, i) => el("th", { scope: "col" }, letter(i)));
  const head = el("thead", {}, el("tr", {}, el("th", { scope: "col" }, el("span", { class: "hidden" }, "Row")), ...heads, el("th", { scope: "col", class: "result" }, "Result")));
  sheet.append(head, el("tbody"));
  const rows = state.rows.length;
  for (let i = 0; i < rows; i++) sheet.tBodies[0].append(row(i));
  grow();
  byId("wider").hidden = state.width >= MOST_COLUMNS;
  byId("narrower").hidden = state.width < 2;
}

function row(i) {
  return el("tr", {}, el("th", { scope: "row" }, String(i + 1)),
    Array.from({ length: state.width + 1 }, (_, j) => {
      const last = j === state.width;
      const field = el("input", {
        type: "text", maxlength: 1000, spellcheck: false, autocomplete: "off", autocapitalize: "off",
        "aria-label": `${last ? "Result" : letter(j)} ${i + 1}`,
        oninput: (event) => { state.rows[i][j] = event.target.value; ask(); },
        onkeydown: (event) => move(event, i, j), onpaste: (event) => paste(event, i, j),
      });
      field.value = state.rows[i][j];
      return el("td", { class: last ? "result" : "" }, field);
    }));
}

function move(event, i, j) {
  if (event.isComposing) return;
  const by = { Enter: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  const next = cell(i + by, j);
  next?.focus();
  next?.select();
}

// A piece of a spreadsheet goes where the cursor is, and makes as many columns as it needs.
function paste(event, i, j) {
  const text = event.clipboardData.getData("text/plain");
  if (!/[\t\n]/.test(text.trimEnd())) return;
  event.preventDefault();
  const lines = text.replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n").slice(0, MOST_ROWS - i).map((line) => line.split("\t"));
  const wanted = Math.min(MOST_COLUMNS, Math.max(state.width, j + Math.max(...lines.map((line) => line.length)) - (j <= state.width ? 1 : 0)));
  if (j < state.width || wanted > state.width) resize(wanted);
  lines.forEach((line, down) => {
    state.rows[i + down] ??= Array(state.width + 1).fill("");
    line.forEach((value, right) => {
      if (j + right <= state.width) state.rows[i + down][j + right] = value.slice(0, 1000);
    });
  });
  draw();
  cell(i, j)?.focus();
  ask({ now: true });
}

function resize(width) {
  for (const cells of state.rows) {
    const output = cells.pop();
    while (cells.length < width) cells.push("");
    cells.length = width;
    cells.push(output);
  }
  state.width = width;
}

function resized(by) {
  resize(state.width + by);
  draw();
  ask({ now: true });
}

function pick() {
  const rows = EXAMPLES[byId("example").value][1];
  state.width = rows[0].length - 1;
  state.rows = rows.map((cells) => [...cells]);
  draw();
  ask({ now: true });
}

async function copy(button, text) {
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
    say("Copied");
  } catch {
    say("The browser does not let this page copy.");
  }
}

// The whole column, a line a row, as spreadsheets take it.
function results() {
  return filledRows().map((cells, i) => cells.at(-1) || (state.answer?.filled[i] ?? "")).join("\n");
}

byId("example").append(...EXAMPLES.map(([title], i) => el("option", { value: i }, title)));
byId("example").addEventListener("change", pick);
byId("wider").addEventListener("click", () => resized(1));
byId("narrower").addEventListener("click", () => resized(-1));
byId("copy").addEventListener("click", (event) => copy(event.target, state.answer[state.form].text ?? state.answer[state.form]));
byId("copy-results").addEventListener("click", (event) => copy(event.target, results()));
rove(byId("forms"));

pick();
