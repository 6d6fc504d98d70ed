// The system's operating points as a picture: accuracy over price, what a budget admits, what it buys.

import { element } from "/page/graph.js";
import { percent, seconds, usd } from "/page/format.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [320, 136, 38, 12, 10, 24];

// points: what is expected at each, cheapest first; within: whether a point is; now: what is bought
export function draw(box, points, within, now) {
  const priced = points.some((point) => point.cost_usd > 0);
  const price = (point) => Math.max(priced ? point.cost_usd : point.latency_s, 1e-9);
  const all = now ? [...points, now] : points;
  const x = scale(all.map((point) => Math.log(price(point))), LEFT + 6, WIDTH - RIGHT - 6);
  const marks = all.flatMap((point) => [point.accuracy]);
  const y = scale(marks, HEIGHT - BOTTOM - 6, TOP + 6);
  const show = priced ? usd : seconds;
  const at = (point) => ({ cx: x(Math.log(price(point))), cy: y(point.accuracy) });
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words(points, show, price) });
  svg.append(element("path", { class: "axis", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }));
  const [low, high] = [Math.min(...marks), Math.max(...marks)];
  for (const value of new Set([low, high]))
    svg.append(text(LEFT - 5, y(value) + 4, percent(value), "end"));
  const sorted = [...all].sort((a, b) => price(a) - price(b));
  svg.append(text(x(Math.log(price(sorted[0]))) - 4, HEIGHT - 7, show(price(sorted[0])), "start"));
  if (price(sorted.at(-1)) > price(sorted[0]))
    svg.append(text(WIDTH - RIGHT, HEIGHT - 7, show(price(sorted.at(-1))), "end"));
  for (const point of points)
    svg.append(element("circle", { ...at(point), r: 4, class: within(point) ? "point" : "point dear" }));
  if (now) svg.append(element("circle", { ...at(now), r: 8, class: "now" }));
  box.replaceChildren(svg);
}

function scale(values, from, to) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return (value) => (high > low ? from + ((value - low) / (high - low)) * (to - from) : (from + to) / 2);
}

const text = (x, y, content, anchor) => element("text", { x, y, "text-anchor": anchor }, content);

function words(points, show, price) {
  const each = points.map((point) => `${percent(point.accuracy)} right for ${show(price(point))}`);
  return `Operating points, cheapest first: ${each.join("; ")}.`;
}
