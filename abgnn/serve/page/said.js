// What each agent said, as a list that opens; replies are text and nothing else.

import { seconds, usd, whole } from "/page/format.js";

const make = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

export class Said {
  constructor(list, card) {
    Object.assign(this, { list, card, shown: 0 });
  }

  clear() {
    this.shown = 0;
    this.list.replaceChildren();
    this.card.hidden = true;
  }

  // Calls that have ended, and decisions of a closed loop, as far as they are new.
  show(question) {
    for (const call of question.calls.slice(this.shown)) this.list.append(this.item(call));
    this.shown = question.calls.length;
    this.card.hidden = !this.shown;
  }

  item(call) {
    const item = make("li");
    const box = make("details");
    const head = make("summary");
    const name = make("span", "who", call.role);
    const cost = [`${whole(call.completion_tokens)} tokens`, usd(call.cost_usd), seconds(call.end_s - call.start_s)];
    head.append(name, make("span", "llm", call.backbone), make("span", "quiet", call.error ? `failed (${call.error})` : cost.join(" · ")));
    const text = make("div", "text", call.text || "It said nothing.");
    text.dir = "auto";
    box.append(head, text);
    item.append(box);
    return item;
  }
}
