// A team as a graph: a layered layout of its messages, drawn as SVG; agents show their states.

const NS = "http://www.w3.org/2000/svg";
const [WIDE, NARROW, HEIGHT, GAP, ALONG, MARGIN] = [204, 150, 68, 14, 52, 4];
const LONGEST = 60; // characters of a name that are measured
const WORDS = { waiting: "waits", working: "at work", done: "done", stands: "its answer stands", failed: "failed", late: "too late", spare: "not asked" };
const CHECK = "M-4 0 -1 3.5 4.5 -3.5";
const MARKS = { done: CHECK, stands: CHECK, failed: "M-3.5 -3.5 3.5 3.5M-3.5 3.5 3.5 -3.5", late: "M0 -4V0.5L3 3" };

export function element(name, attributes = {}, ...children) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Agents by the longest way of messages to them; those without edges are one layer.
export function layers({ agents, edges }) {
  const depth = agents.map(() => 0);
  for (let round = 0; round < agents.length; round++)
    for (const [u, v] of edges) depth[v] = Math.max(depth[v], Math.min(depth[u] + 1, agents.length - 1));
  const rows = [];
  depth.forEach((d, i) => (rows[d] ??= []).push(i));
  const made = rows.filter(Boolean);
  const place = new Map();
  for (const row of made) { // near those whose messages they read
    const centre = (i) => {
      const at = edges.filter(([, v]) => v === i).map(([u]) => place.get(u)).filter((x) => x !== undefined);
      return at.length ? at.reduce((a, b) => a + b) / at.length : 0;
    };
    row.sort((a, b) => centre(a) - centre(b) || a - b);
    row.forEach((i, k) => place.set(i, k - (row.length - 1) / 2));
  }
  return made;
}

// Where each agent is: layers from left to right where there is room, else downwards.
export function layout(plan, room) {
  const found = layers(plan);
  const across = (width) => found.length * width + (found.length - 1) * ALONG + 2 * MARGIN;
  const level = plan.edges.length > 0 && across(NARROW + 24) <= room;
  const beside = Math.min(2, Math.max(...found.map((row) => row.length)));
  const free = level ? (room - across(0)) / found.length : (room - 2 * MARGIN + GAP) / beside - GAP;
  const box = Math.floor(Math.min(WIDE, Math.max(NARROW, free)));
  const most = Math.max(1, Math.floor((room - 2 * MARGIN + GAP) / (box + GAP)));
  const rows = level ? found : found.flatMap((row) => chunks(row, most));
  const widest = Math.max(...rows.map((row) => row.length));
  const at = [];
  rows.forEach((row, d) => row.forEach((agent, k) => {
    const side = k + (widest - row.length) / 2;
    at[agent] = level
      ? { row: d, x: MARGIN + d * (box + ALONG), y: MARGIN + side * (HEIGHT + GAP) }
      : { row: d, x: MARGIN + side * (box + GAP), y: MARGIN + d * (HEIGHT + (plan.edges.length ? 36 : GAP)) };
  }));
  const end = (axis, size) => Math.max(...at.map((p) => p[axis])) + size + MARGIN;
  const round = level || widest === 1; // links past an agent go round it; else behind it
  const past = round ? Math.max(0, ...plan.edges.map(([u, v]) => aside(at[u], at[v]))) : 0;
  const [right, below] = level ? [0, past] : [past, 0];
  return { at, level, round, box, width: end("x", box) + right, height: end("y", HEIGHT) + below };
}

// How far a link past other rows swings out.
const aside = (from, to) => (to.row - from.row > 1 ? 18 + 12 * (to.row - from.row) : 0);

function chunks(row, most) {
  const n = Math.ceil(row.length / most);
  return Array.from({ length: n }, (_, k) =>
    row.slice(Math.round((k * row.length) / n), Math.round(((k + 1) * row.length) / n)));
}

export class Graph {
  constructor(box) {
    this.box = box;
    this.nodes = [];
  }

  // Draw a plan; states may be left out, for one that is not carried out.
  draw(plan, states) {
    this.plan = plan;
    this.last = states;
    const placed = layout(plan, Math.max(this.box.clientWidth, WIDE));
    const { at, box, width, height } = placed;
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
    this.links = plan.edges.map(([u, v]) => element("path", { class: "link", d: link(at[u], at[v], placed) }));
    this.nodes = plan.agents.map((agent, i) => node(agent, at[i], i === plan.decision && !plan.adaptive, box));
    svg.append(arrow(), ...this.links, ...this.nodes.map((made) => made.group));
    this.box.replaceChildren(svg);
    fit(svg, box - 22);
    this.svg = svg;
    this.show(states);
  }

  show(states) {
    this.last = states;
    const { agents, edges, decision, adaptive } = this.plan;
    const decides = (i) => !adaptive && i === decision;
    this.nodes.forEach(({ group, mark, words }, i) => {
      const state = states?.[i] ?? "planned";
      group.setAttribute("class", `node ${state}${decides(i) ? " decides" : ""}`);
      mark.setAttribute("d", MARKS[state] ?? "");
      words.textContent = WORDS[state] ?? (decides(i) && agents.length > 1 ? "decides" : "");
    });
    this.links.forEach((path, k) => {
      const [u, v] = edges[k];
      const flows = states?.[u] === "done" && states?.[v] === "working";
      path.setAttribute("class", `link${flows ? " flows" : states?.[u] === "done" ? " sent" : ""}`);
    });
    this.svg.setAttribute("aria-label", describe(this.plan, states));
  }

  // After the window's width has changed.
  redraw() {
    if (this.plan) this.draw(this.plan, this.last);
    else ghost(this.box);
  }

  clear() {
    this.plan = null;
    ghost(this.box);
  }
}

// The graph in words.
export function describe({ agents, edges, decision, adaptive }, states) {
  const name = (i) => `${agents[i].role} on ${agents[i].backbone}`;
  const parts = agents.map((_, i) => {
    const reads = edges.filter(([, v]) => v === i).map(([u]) => agents[u].role);
    const state = states ? `, ${WORDS[states[i]]}` : "";
    return `${name(i)}${reads.length ? ` reads ${reads.join(", ")}` : ""}${state}`;
  });
  const last = adaptive ? "Who is asked next depends on the answers so far." : `${agents[decision].role} gives the answer.`;
  return `${parts.join("; ")}. ${last}`;
}

function link(from, to, { level, round, box }) {
  const out = round ? 1.3 * aside(from, to) : 0;
  if (out && level) {
    const [x, p, y, q] = [from.x + box / 2, to.x + box / 2, from.y + HEIGHT, to.y + HEIGHT + 5];
    return `M${x} ${y}C${x} ${y + out} ${p} ${q + out} ${p} ${q}`;
  }
  if (out) {
    const [x, p, y, q] = [from.x + box, to.x + box + 5, from.y + HEIGHT / 2, to.y + HEIGHT / 2];
    return `M${x} ${y}C${x + out} ${y} ${p + out} ${q} ${p} ${q}`;
  }
  const [x, y] = level ? [from.x + box, from.y + HEIGHT / 2] : [from.x + box / 2, from.y + HEIGHT];
  const [p, q] = level ? [to.x - 5, to.y + HEIGHT / 2] : [to.x + box / 2, to.y - 5];
  const bend = level ? `${(x + p) / 2} ${y} ${(x + p) / 2} ${q}` : `${x} ${(y + q) / 2} ${p} ${(y + q) / 2}`;
  return `M${x} ${y}C${bend} ${p} ${q}`;
}

function arrow() {
  const tip = element("path", { d: "M0 0 8 4 0 8Z", class: "tip" });
  const marker = { id: "tip", viewBox: "0 0 8 8", refX: 4, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto" };
  return element("defs", {}, element("marker", marker, tip));
}

function node({ role, backbone }, { x, y }, decides, box) {
  const words = element("text", { x: 30, y: 57, class: "state" });
  const mark = element("path", { class: "mark" });
  const group = element("g", { transform: `translate(${x} ${y})` },
    element("title", {}, `${role} on ${backbone}`),
    element("rect", { width: box, height: HEIGHT, rx: decides ? 20 : 10 }),
    element("text", { x: 12, y: 22, class: "role" }, role),
    element("text", { x: 12, y: 39, class: "llm" }, backbone),
    element("g", { transform: "translate(18 53)" }, element("circle", { r: 4, class: "dot" }), mark),
    words);
  return { group, mark, words };
}

// Cut names that are wider than their box; the group's title has them whole.
function fit(svg, room) {
  for (const text of svg.querySelectorAll(".role, .llm")) {
    let content = text.textContent;
    if (content.length > LONGEST) text.textContent = content = content.slice(0, LONGEST);
    while (content.length > 3 && text.getComputedTextLength() > room)
      text.textContent = `${(content = content.slice(0, -1))}…`;
  }
}

// What stands where no question was asked yet: three agents and one who decides, without names.
export function ghost(box) {
  const plan = { agents: ["", "", "", ""].map((role) => ({ role, backbone: "" })), edges: [[0, 2], [1, 2], [2, 3]] };
  const placed = layout(plan, Math.max(box.clientWidth, WIDE));
  const { at, box: wide, width, height } = placed;
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true", class: "ghost" });
  svg.append(...plan.edges.map(([u, v]) => element("path", { class: "link", d: link(at[u], at[v], placed) })));
  svg.append(...at.map(({ x, y }) => element("rect", { x, y, width: wide, height: HEIGHT, rx: 10 })));
  box.replaceChildren(svg);
}
