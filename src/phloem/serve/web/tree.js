// The syntax tree, grown sideways: the root at the left, terminals down the right in source order. Edges are as wide as
// the attention that flows through them; each attended path also is an arc between its two terminals.

import { svg } from "./dom.js";

const ROW = 24;
const LETTER = 6.7; // width of a letter of the labels, in px
const GAP = 22; // between a node and its children, where the edges bend
const MOST_NODES = 1500;
const LEGIBLE = 0.65; // the smallest zoom that fitting takes; beyond it the drawing scrolls

const shorten = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// Which nodes to show: those of the paths, or all (of a big tree the upper levels).
function visible(tree, paths, whole) {
  const count = tree.parent.length;
  const shown = new Uint8Array(count);
  if (!whole) {
    for (const path of paths) for (let node of path.nodes) for (; node >= 0 && !shown[node]; node = tree.parent[node]) shown[node] = 1;
    // What lies above all paths says nothing: the drawing begins at the first node that is on a path or forks.
    const onPath = new Set(paths.flatMap((path) => path.nodes));
    const below = new Int32Array(count);
    for (let i = 1; i < count; i++) if (shown[i]) below[tree.parent[i]] += 1;
    for (let i = 0; i < count && !onPath.has(i) && below[i] < 2; i++) shown[i] = 0;
    return shown;
  }
  const depth = new Int32Array(count);
  const sizes = [1];
  for (let i = 1; i < count; i++) {
    depth[i] = depth[tree.parent[i]] + 1;
    sizes[depth[i]] = (sizes[depth[i]] ?? 0) + 1;
  }
  let deepest = 0;
  for (let sum = sizes[0]; deepest + 1 < sizes.length && sum + sizes[deepest + 1] <= MOST_NODES; ) sum += sizes[++deepest];
  for (let i = 0; i < count; i++) shown[i] = depth[i] <= deepest ? 1 : 0;
  for (const path of paths) for (let node of path.nodes) for (; node >= 0 && !shown[node]; node = tree.parent[node]) shown[node] = 1;
  return shown;
}

// Rows for terminals, the middle of its children for every other node; each child begins where its parent ends.
function layout(tree, shown, ends, text) {
  const count = tree.parent.length;
  const nodes = new Map();
  for (let i = 0; i < count; i++) {
    if (!shown[i]) continue;
    const above = nodes.get(tree.parent[i]);
    const label = shorten(tree.kinds[tree.kind[i]], 26);
    const node = { i, label, width: label.length * LETTER + 14, x: above ? above.x + above.width + GAP : 2, above, below: [] };
    above?.below.push(node);
    nodes.set(i, node);
  }
  const childless = new Uint8Array(count).fill(1);
  for (let i = 1; i < count; i++) childless[tree.parent[i]] = 0;
  let rows = 0;
  const order = [...nodes.values()];
  for (const node of order) {
    if (node.below.length === 0) {
      node.y = ROW * (rows++ + 0.5);
      if (childless[node.i] || ends.has(node.i)) node.token = shorten(text(node.i).replace(/\s+/g, " "), 30);
    }
  }
  for (const node of order.reverse()) if (node.below.length) node.y = (node.below[0].y + node.below.at(-1).y) / 2;
  const tokenX = Math.max(0, ...order.map((node) => node.x + node.width)) + 16;
  const longest = Math.max(0, ...order.map((node) => node.token?.length ?? 0));
  return { nodes, order, rows, tokenX, arcX: tokenX + longest * (LETTER + 0.5) + 14, height: rows * ROW };
}

const bend = (x1, y1, x2, y2) => `M${x1} ${y1}C${x1 + GAP * 0.6} ${y1} ${x2 - GAP * 0.6} ${y2} ${x2} ${y2}`;

export class TreeDrawing {
  constructor(holder, { onPoint }) {
    this.holder = holder;
    this.onPoint = onPoint; // an arc under the pointer: its number, or null
    this.zoom = 1;
    holder.addEventListener("keydown", (event) => {
      if (event.key === "+" || event.key === "=") this.scale(1.25);
      else if (event.key === "-") this.scale(0.8);
      else if (event.key === "0") this.fit();
      else return;
      event.preventDefault();
    });
  }

  // `text(node)` is the node's source. `alone` is the number of the one path to show, or null for all.
  show(tree, paths, { whole, text, alone = null }) {
    const drawable = paths.filter((path) => path.nodes.length);
    const ends = new Set(drawable.flatMap((path) => [path.nodes[0], path.nodes.at(-1)]));
    const plan = layout(tree, visible(tree, drawable, whole || !drawable.length), ends, text);
    this.plan = plan;
    this.paths = paths;
    const bulge = this.arcs(alone);
    const width = plan.arcX + bulge;
    const onPath = new Set(drawable.flatMap((path) => path.nodes));
    this.flow = svg("g", { class: "flow" });
    this.rainbow = svg("g", { class: "arcs" });
    this.size = { width, height: plan.height + 4 };
    this.picture = svg("svg", { viewBox: `0 -2 ${width} ${plan.height + 4}`, role: "img", class: "tree" },
      svg("title", {}, `Syntax tree: ${plan.order.length} nodes, ${drawable.length} attended paths, listed in the table that follows`),
      svg("g", { class: "twigs" }, plan.order.filter((node) => node.above).map((node) => svg("path", { d: this.edge(node) }))),
      this.flow,
      svg("g", {}, plan.order.map((node) => this.node(node, onPath.has(node.i), ends.has(node.i)))),
      this.rainbow,
    );
    this.holder.replaceChildren(this.picture);
    this.point(alone);
    this.fit();
  }

  edge(node) {
    return bend(node.above.x + node.above.width, node.above.y, node.x, node.y);
  }

  node(node, attended, end) {
    const shapes = [
      svg("rect", { x: node.x, y: node.y - 9, width: node.width, height: 18, rx: 9, class: attended ? "node on" : "node" }),
      svg("text", { x: node.x + node.width / 2, y: node.y + 3.8, class: attended ? "kind on" : "kind" }, node.label),
    ];
    if (node.token !== undefined) {
      const from = node.x + node.width + 4;
      if (this.plan.tokenX - from > 12) shapes.push(svg("path", { d: `M${from} ${node.y}H${this.plan.tokenX - 6}`, class: "leader" }));
      shapes.push(svg("text", { x: this.plan.tokenX, y: node.y + 4, class: end ? "token on" : "token" }, node.token));
    }
    return svg("g", {}, shapes);
  }

  // Shows one path, or all; the layout stays.
  point(alone) {
    if (!this.plan) return;
    const flows = new Map();
    this.paths.forEach((path, number) => {
      if (alone !== null && alone !== number) return;
      path.nodes.forEach((node, step) => {
        if (step === path.top) return; // every other node of the path stands for the edge to its parent
        flows.set(node, (flows.get(node) ?? 0) + path.weight);
      });
    });
    this.flow.replaceChildren(
      ...[...flows].map(([i, weight]) =>
        svg("path", { d: this.edge(this.plan.nodes.get(i)), "stroke-width": 1 + 9 * Math.min(1, weight), pathLength: 1 })),
    );
    this.arcs(alone);
  }

  // Draws the arcs and returns how far they reach to the right.
  arcs(alone) {
    let reach = 8;
    const drawn = this.paths.map((path, number) => {
      if (!path.nodes.length) return null;
      const [a, b] = [this.plan.nodes.get(path.nodes[0]), this.plan.nodes.get(path.nodes.at(-1))];
      const x = (node) => this.plan.tokenX + (node.token?.length ?? 0) * (LETTER + 0.5) + 6;
      const out = 14 + 7 * Math.sqrt(Math.abs(b.y - a.y) / ROW) * 2.2;
      reach = Math.max(reach, out);
      const far = this.plan.arcX + out * 1.25;
      const arc = svg("path", {
        d: `M${x(a)} ${a.y}C${far} ${a.y} ${far} ${b.y} ${x(b)} ${b.y}`,
        "stroke-width": 0.8 + 6 * Math.sqrt(path.weight), // by area, else the lesser ones would be hairs
        class: alone === null || alone === number ? "arc" : "arc faint",
        onpointerenter: () => this.onPoint(number),
        onpointerleave: () => this.onPoint(null),
      });
      return arc;
    });
    this.rainbow?.replaceChildren(...drawn.filter(Boolean).reverse());
    return reach + 8;
  }

  scale(by) {
    this.zoom = Math.max(0.25, Math.min(3, this.zoom * by));
    this.resize();
  }

  fit() {
    const room = this.holder.clientWidth - 24;
    this.zoom = Math.max(LEGIBLE, Math.min(1, room / this.size.width));
    this.resize();
  }

  resize() {
    if (!this.picture) return;
    this.picture.setAttribute("width", Math.round(this.size.width * this.zoom));
    this.picture.setAttribute("height", Math.round(this.size.height * this.zoom));
  }

  clear() {
    this.plan = null;
    this.picture = null;
    this.holder.replaceChildren();
  }
}
