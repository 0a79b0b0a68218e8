// A textarea whose text is transparent, over a coloured copy of it and drawings under and over that copy. The textarea
// stays the one real control: selection, undo, input methods and screen readers work as in any other.

import { svg, el } from "./dom.js";

const MOST_COLOURED = 20000; // tokens; beyond that the copy is plain, typing stays quick

export class Editor {
  constructor(root, { onInput, onCaret }) {
    this.area = root.querySelector("textarea");
    this.ink = root.querySelector(".ink");
    this.numbers = root.querySelector(".numbers");
    this.here = root.querySelector(".here"); // the bar along the lines of the function
    this.under = root.querySelector(".under");
    this.over = root.querySelector(".over");
    this.tokens = []; // {start, end, kind} in UTF-16 units of the text as it stands
    this.text = "";
    this.drawn = null;
    this.tabIndents = false;
    this.area.addEventListener("input", () => {
      this.tabIndents = true;
      this.edited();
      onInput();
    });
    this.area.addEventListener("pointerdown", () => (this.tabIndents = true));
    this.area.addEventListener("blur", () => (this.tabIndents = false));
    this.area.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("selectionchange", () => {
      if (document.activeElement === this.area) onCaret(this.area.selectionStart);
    });
    new ResizeObserver(() => this.redraw()).observe(this.ink);
  }

  get value() {
    return this.area.value;
  }

  set value(text) {
    this.area.value = text;
    this.area.setSelectionRange(0, 0);
    this.tokens = [];
    this.edited();
  }

  key(event) {
    if (event.key === "Escape") {
      this.tabIndents = false;
    } else if (event.key === "Tab" && this.tabIndents && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      this.indent(event.shiftKey);
    } else if (event.key === "Enter" && !event.isComposing) {
      const line = this.value.slice(this.value.lastIndexOf("\n", this.area.selectionStart - 1) + 1, this.area.selectionStart);
      event.preventDefault();
      this.insert("\n" + /^[ \t]*/.exec(line)[0] + (/[{([:]\s*$/.test(line) ? this.unit() : ""));
    }
  }

  unit() {
    return /^\t/m.test(this.value) ? "\t" : /^ {2}\S/m.test(this.value) ? "  " : "    ";
  }

  indent(less) {
    const { selectionStart: start, selectionEnd: end } = this.area;
    if (!less && start === end) {
      this.insert(this.unit());
      return;
    }
    const from = this.value.lastIndexOf("\n", start - 1) + 1;
    const block = this.value.slice(from, end);
    const changed = less ? block.replace(/^(\t| {1,4})/gm, "") : block.replace(/^(?=.)/gm, this.unit());
    this.area.setSelectionRange(from, end);
    this.insert(changed);
    this.area.setSelectionRange(start === end ? this.area.selectionEnd : from, from + changed.length);
  }

  // execCommand is deprecated, and still the only insertion that the undo history keeps.
  insert(text) {
    if (!document.execCommand("insertText", false, text)) {
      this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, "end");
      this.area.dispatchEvent(new Event("input"));
    }
  }

  // Colours of unchanged text stay where they are until the server has read the new text.
  edited() {
    const before = this.text;
    const after = this.value;
    let head = 0;
    while (head < before.length && head < after.length && before[head] === after[head]) head++;
    let tail = 0;
    const most = Math.min(before.length, after.length) - head;
    while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
    const moved = after.length - before.length;
    this.tokens = this.tokens.flatMap((token) => {
      if (token.end <= head) return [token];
      if (token.start >= before.length - tail) return [{ ...token, start: token.start + moved, end: token.end + moved }];
      return [];
    });
    this.text = after;
    this.paint();
    this.clear();
  }

  colour(tokens) {
    this.tokens = tokens.length > MOST_COLOURED ? [] : tokens;
    this.paint();
  }

  paint() {
    const parts = [];
    this.starts = [];
    let at = 0;
    const add = (end, kind) => {
      if (end <= at) return;
      const text = document.createTextNode(this.text.slice(at, end));
      this.starts.push({ at, text });
      parts.push(kind ? el("span", { class: kind }, text) : text);
      at = end;
    };
    for (const token of this.tokens) {
      add(token.start);
      add(token.end, token.kind);
    }
    add(this.text.length);
    this.ink.replaceChildren(...parts, "\n");
    const lines = this.text.split("\n").length;
    if (lines !== this.lines) {
      this.lines = lines;
      this.numbers.textContent = Array.from({ length: lines }, (_, i) => i + 1).join("\n");
    }
  }

  point(offset) {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle].at <= offset) low = middle;
      else high = middle - 1;
    }
    const found = this.starts[low];
    return [found.text, Math.min(offset - found.at, found.text.length)];
  }

  // Rectangles of a piece of text, one a line, relative to the sheet.
  boxes(start, end) {
    if (!this.starts.length || end <= start) return [];
    const range = document.createRange();
    range.setStart(...this.point(start));
    range.setEnd(...this.point(end));
    const origin = this.ink.getBoundingClientRect();
    const lines = [];
    for (const box of range.getClientRects()) {
      if (box.width < 1) continue;
      const found = { x: box.left - origin.left, y: box.top - origin.top, width: box.width, height: box.height };
      const last = lines.at(-1);
      if (last && Math.abs(last.y - found.y) < 2) last.width = found.x + found.width - last.x;
      else lines.push(found);
    }
    return lines;
  }

  clear() {
    this.drawn = null;
    this.under.replaceChildren();
    this.over.replaceChildren();
    this.here.hidden = true;
  }

  // `scope`: {start, end} of the function; `paths`: [{weight, left: {start, end}, right, on}], heaviest first.
  draw(scope, paths) {
    this.drawn = [scope, paths];
    this.redraw();
  }

  redraw() {
    if (!this.drawn) return;
    const [scope, paths] = this.drawn;
    const above = this.text.slice(0, scope.start).split("\n").length - 1;
    const lines = this.text.slice(scope.start, scope.end).split("\n").length;
    this.here.hidden = false;
    this.here.dataset.lines = lines;
    this.here.style.setProperty("top", `calc(${above}lh + .8rem)`);
    this.here.style.setProperty("height", `${lines}lh`);
    const heaviest = Math.max(...paths.map((path) => path.weight), 1e-9);
    const marks = new Map();
    const curves = [];
    for (const path of [...paths].reverse()) {
      const share = path.weight / heaviest;
      const ends = [path.left, path.right].map((end) => {
        const key = `${end.start}:${end.end}`;
        const mark = marks.get(key) ?? { boxes: this.boxes(end.start, end.end), share: 0, on: false };
        marks.set(key, { ...mark, share: Math.max(mark.share, share), on: mark.on || path.on });
        return mark.boxes[0];
      });
      if (ends[0] && ends[1]) curves.push(this.curve(...ends, path.weight, path.on));
    }
    const rects = [...marks.values()].flatMap(({ boxes, share, on }) =>
      boxes.map((box) =>
        svg("rect", {
          x: box.x - 2, y: box.y, width: box.width + 4, height: box.height, rx: 3,
          class: on ? "end" : "end faint", opacity: 0.35 + 0.65 * share,
        }),
      ),
    );
    this.under.replaceChildren(...rects);
    this.over.replaceChildren(...curves);
  }

  curve(from, to, weight, on) {
    const [x1, x2] = [from.x + from.width / 2, to.x + to.width / 2];
    const level = Math.abs(from.y - to.y) < 2;
    const y1 = from.y + from.height - 1;
    const y2 = level ? to.y + to.height - 1 : to.y + 1;
    const sag = level ? Math.min(14, 5 + Math.abs(x2 - x1) / 14) : Math.max(14, (y2 - y1) / 2.2);
    const shape = level
      ? `M${x1} ${y1}C${x1} ${y1 + sag} ${x2} ${y1 + sag} ${x2} ${y2}`
      : `M${x1} ${y1}C${x1} ${y1 + sag} ${x2} ${y2 - sag} ${x2} ${y2}`;
    return svg("path", { d: shape, class: on ? "sap" : "sap faint", "stroke-width": 0.7 + 4.5 * Math.sqrt(weight) });
  }
}
