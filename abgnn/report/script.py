"""The page's one script: values of curves are read off, methods toggled, tables sorted. The page
is whole without it. It reads `data-` attributes, writes text only, and asks no network."""

SCRIPT = r"""
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const add = (parent, name, properties = {}) =>
    parent.appendChild(Object.assign(document.createElement(name), properties));
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const amount = (value) => String(Number(value.toPrecision(3)));

  // what a budget buys, from the cheapest point on: straight lines between vertices, then level
  const within = (vertices, budget) => {
    if (!vertices.length || budget < vertices[0][0]) return "–";
    let [x, y] = vertices[0];
    for (const [x1, y1] of vertices.slice(1)) {
      if (budget < x1) return percent(y + ((y1 - y) * (budget - x)) / (x1 - x));
      [x, y] = [x1, y1];
    }
    return percent(y);
  };

  class Reader {
    constructor(figure) {
      this.figure = figure;
      this.data = JSON.parse(figure.dataset.read);
      this.svg = figure.querySelector(".picture svg");
      this.line = this.svg.appendChild(document.createElementNS(SVG, "path"));
      this.line.setAttribute("class", "cross");
      this.items = all(".legend li", figure);
      this.hidden = new Set();
      this.items.forEach((item, series) => this.toggle(item, series));
      this.out = document.createElement("p");
      this.out.className = "readout";
      this.out.setAttribute("role", "status");
      const hint = "hover, tap, or press the arrow keys on the picture to read values off";
      this.out.textContent = hint;
      figure.querySelector(".picture").after(this.out);
      this.at = -1;
      const box = figure.querySelector(".picture");
      box.addEventListener("pointermove", (event) => this.point(event));
      box.addEventListener("pointerdown", (event) => this.point(event));
      box.addEventListener("keydown", (event) => this.key(event));
      box.setAttribute("aria-label", "picture; arrow keys read values off");
      box.setAttribute("role", "group");
    }

    toggle(item, series) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...item.childNodes);
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        for (const other of all(`figure[data-group="${this.figure.dataset.group}"]`))
          if (other.reader) other.reader.show(series, shown);
      });
      item.append(button);
    }

    show(series, shown) {
      this.items[series].firstChild.setAttribute("aria-pressed", String(shown));
      this.hidden[shown ? "delete" : "add"](series);
      for (const part of all(`[id^="${this.figure.dataset.key}-s${series}-"]`, this.svg))
        part.style.display = shown ? "" : "none";
      if (this.last !== undefined) this.tell(this.last);
    }

    stops() {
      if (this.data.points)
        return this.data.points.filter((point) => !this.hidden.has(point[2]));
      const seen = this.data.series.flatMap(([, vertices], k) =>
        this.hidden.has(k) ? [] : vertices.map(([x]) => x));
      return [...new Set(seen)].sort((a, b) => a - b).map((x) => [x]);
    }

    place(x) {
      const [left, , width] = this.data.frame, [low, high] = this.data.x;
      return left + (width * Math.log(x / low)) / Math.log(high / low);
    }

    point(event) {
      const spot = new DOMPoint(event.clientX, event.clientY)
        .matrixTransform(this.svg.getScreenCTM().inverse());
      const [left, top, width, height] = this.data.frame, [low, high] = this.data.x;
      const share = (spot.x - left) / width;
      if (share < 0 || share > 1) return;
      if (!this.data.points) return this.tell([low * (high / low) ** share]);
      const [bottom, ceiling] = this.data.y;
      const far = ([x, y]) => Math.hypot(this.place(x) - spot.x,
        top + (height * (ceiling - y)) / (ceiling - bottom) - spot.y);
      const stops = this.stops();
      if (stops.length) this.tell(stops.reduce((a, b) => (far(b) < far(a) ? b : a)));
    }

    key(event) {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      const stops = this.stops();
      if (!step || !stops.length) return;
      event.preventDefault();
      const last = stops.length - 1;
      this.at = this.at < 0 && step < 0 ? last : Math.min(Math.max(this.at + step, 0), last);
      this.tell(stops[this.at]);
    }

    tell(stop) {
      this.last = stop;
      const [, top, , height] = this.data.frame, x = this.place(stop[0]);
      let path = `M${x} ${top}V${top + height}`;
      if (this.data.points) {
        const [low, high] = this.data.y, y = top + (height * (high - stop[1])) / (high - low);
        path = `M${x - 7} ${y}a7 7 0 1 0 14 0a7 7 0 1 0 -14 0`;
        this.out.textContent = stop[3];
      } else {
        const values = this.data.series.map(([name, vertices], k) =>
          ({ k, name, value: within(vertices, stop[0]) }));
        const shown = values.filter(({ k }) => !this.hidden.has(k));
        for (const { k, value } of values) {
          const button = this.items[k].firstChild;
          const cell = button.querySelector(".value")
            || add(button, "span", { className: "value" });
          cell.textContent = this.hidden.has(k) ? "" : value;
        }
        this.out.textContent = `within ${amount(stop[0])} ${this.data.unit}`;
        add(this.out, "span", {
          className: "unseen",
          textContent: ": " + shown.map(({ name, value }) => `${name} ${value}`).join(", "),
        });
      }
      this.line.setAttribute("d", path);
    }
  }

  const number = (text) => {
    const found = /^[^\d+−-]{0,3}([+−-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)/i.exec(text.trim());
    return found ? Number(found[1].replace(/,/g, "").replace("−", "-")) : NaN;
  };

  const sortable = (table) => {
    const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
    if (rows.length < 2) return;
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const next = { ascending: "descending", descending: null }[now];
        const order = next === undefined ? "ascending" : next;
        for (const other of heads) other.removeAttribute("aria-sort");
        if (order) head.setAttribute("aria-sort", order);
        const sign = order === "descending" ? -1 : 1;
        const keyed = rows.map((row, k) => {
          const text = row.cells[column] ? row.cells[column].textContent : "";
          return { row, k, text, value: number(text) };
        });
        const words = keyed.every(({ value }) => Number.isNaN(value));
        if (order) keyed.sort((a, b) => {
          if (words) return sign * a.text.localeCompare(b.text) || a.k - b.k;
          const gaps = Number.isNaN(a.value) - Number.isNaN(b.value);  // no number: always last
          return gaps || (Number.isNaN(a.value) ? 0 : sign * (a.value - b.value)) || a.k - b.k;
        });
        body.append(...keyed.map(({ row }) => row));
      });
    });
  };

  for (const figure of all("figure[data-read]")) figure.reader = new Reader(figure);
  all("table").forEach(sortable);
})();
"""
