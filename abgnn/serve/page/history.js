// The last questions and what they cost, kept for the tab only.

import { plural, seconds, usd, whole } from "/page/format.js";

const [PLACE, MOST, LONGEST] = ["abgnn.questions", 12, 2000];
const byId = (id) => document.getElementById(id);

function stored() {
  try {
    const found = JSON.parse(sessionStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(found) ? found.filter((item) => typeof item?.text === "string") : [];
  } catch {
    return [];
  }
}

export class History {
  // again: called with the text of a question that is to be asked again
  constructor(again) {
    this.again = again;
    this.items = stored();
    byId("clear").addEventListener("click", () => this.keep([]));
    this.show();
  }

  add(question, problem) {
    const { tokens, usd: spent, seconds: taken } = question.totals;
    const item = { text: question.text.slice(0, LONGEST), label: question.label, tokens, usd: spent, seconds: taken, agents: new Set(question.calls.map((call) => call.agent)).size, problem };
    this.keep([item, ...this.items].slice(0, MOST));
  }

  keep(items) {
    this.items = items;
    try {
      sessionStorage.setItem(PLACE, JSON.stringify(items));
    } catch { /* the tab's storage is full: they last as long as the page */ }
    this.show();
  }

  show() {
    byId("history-card").hidden = !this.items.length;
    byId("history").replaceChildren(...this.items.map((item) => this.row(item)));
  }

  row(item) {
    const row = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dir = "auto";
    button.textContent = item.text;
    button.title = "Put it into the question";
    button.addEventListener("click", () => this.again(item.text));
    const cost = document.createElement("p");
    cost.className = "quiet";
    const parts = [usd(item.usd), seconds(item.seconds ?? 0), `${whole(item.tokens ?? 0)} tokens`, plural(item.agents ?? 0, "agent"), item.label];
    cost.textContent = `${item.problem ? "failed · " : ""}${parts.filter(Boolean).join(" · ")}`;
    row.append(button, cost);
    return row;
  }
}
