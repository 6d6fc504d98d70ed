// The budget: two sliders over the system's own operating points, and what the system expects of it.
// Where a budget only bounds a question, two fields take their place.

import { json } from "/page/api.js";
import { draw } from "/page/frontier.js";
import { percent, plural, seconds, sentence, usd } from "/page/format.js";

const byId = (id) => document.getElementById(id);
const PAUSE = 220; // ms of quiet before the system is asked
const STEP = 1.08;

export class Budget {
  // question: its text now; planned: called with a plan for it, or null
  constructor(question, planned) {
    Object.assign(this, { question, planned, points: [], ticks: { cost: [], latency: [] } });
    for (const id of ["cost", "latency"]) byId(id).addEventListener("input", () => this.moved());
    for (const id of ["most-usd", "most-seconds"]) byId(id).addEventListener("input", () => this.moved());
  }

  async load() {
    const { budget_kind, points, own_budget } = await json("/v1/abgnn/frontier");
    this.kind = budget_kind;
    this.points = points.map((point) => point.expected);
    this.own = own_budget;
    this.ticks = { cost: places(points.map((p) => p.budget.cost_usd)), latency: places(points.map((p) => p.budget.latency_s)) };
    byId("sliders").hidden = this.kind === "bound" || this.points.length < 2;
    byId("bounds").hidden = this.kind !== "bound";
    for (const id of ["cost", "latency"]) {
      byId(id).max = this.ticks[id].length; // the last place is: any
      byId(id).value = this.ticks[id].length;
      byId(id).disabled = !this.ticks[id].length;
    }
    this.say();
    await this.ask();
  }

  // The budget as the server takes it; a field that holds no number is refused before it is sent.
  value() {
    if (this.kind === "bound") return { cost_usd: number("most-usd"), latency_s: number("most-seconds") };
    return { cost_usd: this.tick("cost"), latency_s: this.tick("latency") };
  }

  tick(id) {
    return byId("sliders").hidden ? null : this.ticks[id][byId(id).value] ?? null;
  }

  moved() {
    this.say();
    this.soon();
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask().catch(() => {}), PAUSE);
  }

  // The sliders' places in words.
  say() {
    const words = { cost: (x) => `at most ${usd(x)}`, latency: (x) => `at most ${seconds(x)}` };
    const own = { cost: this.own?.cost_usd, latency: this.own?.latency_s };
    for (const id of ["cost", "latency"]) {
      const value = this.tick(id) ?? own[id];
      const text = value ? words[id](value) : "any";
      byId(`${id}-text`).textContent = text;
      byId(id).setAttribute("aria-valuetext", `${text}${value ? " in the mean per question" : ""}`);
    }
  }

  // The question is asked: a plan that is still to come is not shown, what the budget buys is.
  hold() {
    clearTimeout(this.timer);
    this.ask(false).catch(() => {});
  }

  // What the budget buys, and the team for the question, if there is one.
  async ask(shown = true) {
    this.controller?.abort();
    const { signal } = (this.controller = new AbortController());
    try {
      const question = (shown && this.question().trim()) || null;
      const body = { question, ...this.value() };
      const offer = await json("/v1/abgnn/offer", body, signal);
      this.problem(null);
      this.show(offer.expected, offer.forecast);
      if (shown) this.planned(offer.plan);
    } catch (wrong) {
      if (signal.aborted) return;
      if (wrong.status === 401) throw wrong;
      this.show(null);
      this.problem(sentence(wrong.message));
      if (shown) this.planned(null);
    }
  }

  problem(text) {
    byId("offer-problem").hidden = !text;
    byId("offer-problem").textContent = text ?? "";
  }

  show(expected, forecast) {
    byId("offer").hidden = !this.points.length && !expected;
    const figures = { accuracy: percent, usd, seconds };
    const values = { accuracy: expected?.accuracy, usd: expected?.cost_usd, seconds: expected?.latency_s };
    for (const [id, say] of Object.entries(figures))
      byId(`offer-${id}`).textContent = expected ? say(values[id]) : "–";
    byId("offer-words").textContent = this.words(expected) + own(forecast);
    const { cost_usd, latency_s } = this.kind === "bound" ? {} : this.value();
    const within = (point) => point.cost_usd <= (cost_usd ?? Infinity) && point.latency_s <= (latency_s ?? Infinity);
    byId("frontier").hidden = this.points.length < 2;
    if (this.points.length > 1) draw(byId("frontier"), this.points, within, expected);
  }

  words(expected) {
    const meaning = this.kind === "bound"
      ? "A budget bounds this one question: calls that do not fit are not made, late agents are left out."
      : "Budgets hold in the mean over many questions.";
    if (!expected) return byId("offer-problem").hidden ? `What it would buy is not known: nothing was calibrated. ${meaning}` : meaning;
    const { accuracy_interval: interval, interval_questions: n, learned_from: from } = expected;
    const range = interval ? `Over ${plural(n, "question")} the share of right answers is ${percent(interval[0])} to ${percent(interval[1])}, nine times of ten. ` : "";
    const source = from ? `Expected from what ${from} calls have shown. ` : "Expected from what it was taught. ";
    return `${range}${source}${meaning}`;
  }
}

// What is expected of the question that is typed, where its plan reads it.
function own(forecast) {
  if (!forecast) return "";
  const { accuracy, cost_usd, latency_s } = forecast;
  return ` This very question: right with ${percent(accuracy)}, for ${usd(cost_usd)} in ${seconds(latency_s)}.`;
}

// Budgets as places of a slider: in order, and none that is hardly another than the one before.
function places(values) {
  const kept = [];
  for (const value of values.filter((x) => x !== null).sort((a, b) => a - b))
    if (!kept.length || value > STEP * kept.at(-1)) kept.push(value);
  return kept;
}

function number(id) {
  const text = byId(id).value.trim();
  const value = Number(text);
  const right = text === "" || (value > 0 && Number.isFinite(value));
  byId(id).setAttribute("aria-invalid", String(!right));
  if (!right) throw new Error(`${byId(id).labels[0].textContent}: allowed is a number above 0, or nothing`);
  return text === "" ? null : value;
}
