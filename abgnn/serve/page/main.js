// The page: asks questions, shows the team at work, and says in words what happens.

import { Refusal, events, json, key, request } from "/page/api.js";
import { Budget } from "/page/budget.js";
import { badge, KINDS, list, plural, seconds, sentence, usd, whole } from "/page/format.js";
import { Graph } from "/page/graph.js";
import { History } from "/page/history.js";
import { showMoney } from "/page/money.js";
import { Question } from "/page/question.js";
import { Said } from "/page/said.js";

const byId = (id) => document.getElementById(id);
const graph = new Graph(byId("graph"));
const said = new Said(byId("said"), byId("said-card"));
const budget = new Budget(() => byId("question").value, preview);
const history = new History((text) => {
  byId("question").value = text;
  grow();
  byId("question").focus();
  budget.soon();
});
const still = matchMedia("(prefers-reduced-motion: reduce)");
let current = null; // the question under way, and what stops it

function announce(text) {
  byId("live").textContent = text;
}

function problem(text) {
  byId("problem").hidden = !text;
  byId("problem").textContent = text ?? "";
}

// ---- before a question is asked

function preview(plan) {
  if (current) return;
  byId("totals").hidden = true;
  if (plan) graph.draw(plan);
  else graph.clear();
  const would = plan?.adaptive ? "may be asked, one after the other" : "would answer";
  const typed = byId("question").value.trim();
  byId("team-words").textContent = plan
    ? `${plural(plan.agents.length, "agent")} ${would} at this budget.`
    : typed ? "Nobody: no plan was made." : "Type a question: who answers is planned for each one.";
}

// ---- a question under way

async function ask() {
  const text = byId("question").value;
  problem(null);
  if (current) return;
  let stated;
  try {
    if (!text.trim()) throw new Error("Type a question first.");
    stated = budget.value();
  } catch (wrong) {
    problem(wrong.message);
    byId("question").focus();
    return;
  }
  current = { question: new Question(text), stop: new AbortController(), began: performance.now() };
  begin();
  const timer = setInterval(tick, 100);
  let failure = null;
  try {
    await follow(current, stated);
  } catch (wrong) {
    failure = wrong;
  }
  clearInterval(timer);
  finish(failure);
}

function begin() {
  budget.hold();
  const focused = document.activeElement === byId("send");
  [byId("send").hidden, byId("stop").hidden] = [true, false];
  if (focused) byId("stop").focus();
  document.title = "At work – abgnn";
  byId("asked").textContent = current.question.text;
  said.clear();
  byId("answer").replaceChildren(document.createTextNode(""));
  byId("answer").setAttribute("aria-busy", "true");
  byId("answer-card").hidden = true;
  byId("account").textContent = "";
  byId("totals").hidden = false;
  byId("team-words").textContent = "Planning …";
  tick();
  byId("team").scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
  announce("The question is planned.");
}

async function follow({ question, stop }, stated) {
  const body = {
    model: "abgnn",
    messages: [{ role: "user", content: question.text }],
    stream: true,
    abgnn: { trace: true, ...stated },
  };
  const response = await request("/v1/chat/completions", body, stop.signal);
  for await (const chunk of events(response)) {
    const known = question.plan;
    const more = question.take(chunk);
    if (!known && question.plan) planned(question);
    if (more) write(more);
    if (chunk.abgnn?.call) called(question, chunk.abgnn.call);
    if (chunk.abgnn?.step) byId("team-words").textContent = chunk.abgnn.step.words;
    if (question.plan) graph.show(question.states);
    tick();
  }
}

function planned({ plan, label, states }) {
  graph.draw(plan, states);
  badge(byId("answer-label"), label, false);
  byId("team-words").textContent = plan.adaptive ? "Who is asked next depends on the answers so far." : "";
  const names = plan.agents.map((agent) => `${agent.role} on ${agent.backbone}`);
  announce(`The team: ${list(names)}.`);
}

function called(question, call) {
  said.show(question);
  const alike = question.plan.agents.filter((agent) => agent.role === call.role).length > 1;
  const who = alike ? `${call.role} on ${call.backbone}` : call.role;
  announce(call.error ? `${who} failed: ${call.error}.` : `${who} has answered.`);
}

function write(text) {
  byId("answer-card").hidden = false;
  byId("answer").firstChild.appendData(text);
}

function tick() {
  const { question, began } = current;
  const { tokens, usd: spent, seconds: taken } = question.totals;
  byId("total-tokens").textContent = whole(tokens);
  byId("total-usd").textContent = usd(spent);
  const waited = (performance.now() - began) / 1000;
  byId("total-seconds").textContent = question.over && question.account ? seconds(taken) : seconds(waited);
}

function finish(failure) {
  const { question, stop } = current;
  const stopped = stop.signal.aborted;
  if (failure) question.end(failure.account, true);
  if (question.plan) {
    if (!graph.plan || graph.plan !== question.plan) graph.draw(question.plan, question.states);
    graph.show(question.states);
    said.show(question);
  }
  tick();
  byId("answer").removeAttribute("aria-busy");
  document.title = "abgnn";
  [byId("send").hidden, byId("stop").hidden] = [false, true];
  if (document.activeElement === document.body || document.activeElement === byId("stop")) byId("send").focus();
  if (failure) failed(question, failure, stopped);
  else answered(question);
  current = null;
  if (failure?.status === 401) return;
  history.add(question, failure ? (stopped ? "stopped" : failure.message) : undefined);
  showMoney().catch(() => {});
}

function answered({ plan, account, calls }) {
  const { cost_usd, latency_s, wall_s } = account;
  const who = plural(new Set(calls.map((call) => call.agent)).size, "agent");
  const waited = wall_s > latency_s + 0.5 ? `, ${seconds(wall_s)} with waiting` : "";
  byId("account").textContent = `${who} for ${usd(cost_usd)} in ${seconds(latency_s)}${waited}.${account.paid_usd < cost_usd && account.calls_are !== "simulated" ? ` Paid now: ${usd(account.paid_usd)}, the rest was recorded.` : ""}`;
  if (!plan.adaptive) byId("team-words").textContent = "";
  const text = byId("answer").textContent;
  announce(`The answer is complete, for ${usd(cost_usd)} in ${seconds(latency_s)}: ${text.slice(0, 300)}`);
}

function failed(question, failure, stopped) {
  byId("team-words").textContent = question.plan ? "" : "Nobody was asked.";
  if (failure.status === 401) return lock(failure);
  const spent = question.totals.usd ? ` It has cost ${usd(question.totals.usd)}.` : "";
  if (stopped) {
    byId("team-words").textContent = "Stopped: calls under way are paid, no others are made.";
    announce("Stopped.");
  } else {
    problem(`${reason(failure)}${spent}`);
  }
}

// What went wrong, in words; the server's own where there are none better.
function reason(failure) {
  if (!(failure instanceof Refusal)) return "This page cannot read what the server sent.";
  const call = failure.account?.calls.find((made) => made.error === failure.code);
  const who = call ? `${call.role} on ${call.backbone}` : "A call";
  if (failure.code in KINDS) return `No answer: ${who} ${KINDS[failure.code]}.`;
  return sentence(failure.message);
}

// ---- the key

function lock(refusal) {
  const tried = key.get() !== "";
  byId("key-form").hidden = false;
  byId("key-problem").hidden = !tried;
  byId("key-problem").textContent = tried ? sentence(refusal.message) : "";
  byId("offer-words").textContent = "This server asks for its key.";
  byId("key").focus();
}

async function unlock(event) {
  event.preventDefault();
  key.set(byId("key").value.trim());
  byId("key").value = "";
  await load();
}

async function load() {
  try {
    await showMoney();
    byId("key-form").hidden = true;
    byId("forget").hidden = !key.get();
    await budget.load();
  } catch (wrong) {
    if (wrong.status === 401) lock(wrong);
    else byId("offer-words").textContent = sentence(wrong.message);
  }
}

// ---- all together

function grow() {
  const box = byId("question");
  box.rows = Math.min(12, Math.max(2, box.value.split("\n").length));
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
byId("question").addEventListener("input", () => {
  grow();
  if (!current) budget.soon();
});
byId("stop").addEventListener("click", () => current?.stop.abort());
byId("key-form").addEventListener("submit", unlock);
byId("forget").addEventListener("click", () => {
  key.forget();
  location.reload();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") current?.stop.abort();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target !== byId("key")) ask();
});
new ResizeObserver(() => graph.redraw()).observe(byId("graph"));
json("/healthz").then(({ calls_are }) => badge(byId("label"), calls_are)).catch(() => {});
graph.clear();
load();
