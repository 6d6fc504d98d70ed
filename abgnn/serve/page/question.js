// One question under way: what its stream has told so far, and so who is at work. No DOM.

export class Question {
  constructor(text) {
    this.text = text;
    this.plan = null;
    this.label = "";
    this.calls = [];
    this.steps = [];
    this.account = null;
    this.over = false;
    this.failed = false;
  }

  // Take a chunk of the stream; the text that it adds to the answer.
  take(chunk) {
    const own = chunk.abgnn ?? {};
    if (own.plan && !this.plan) [this.plan, this.label] = [own.plan, own.calls_are];
    if (own.call) this.calls.push(own.call);
    if (own.step) this.steps.push(own.step);
    if (own.calls) this.end(own);
    return chunk.choices?.[0]?.delta?.content ?? "";
  }

  // The account has come, or nothing more will.
  end(account, failed = false) {
    this.over = true;
    this.failed = failed;
    this.account = account ?? null;
    if (!account) return;
    this.plan ??= account.plan;
    if (account.calls.length >= this.calls.length) this.calls = account.calls;
  }

  get totals() {
    const sum = (of) => this.calls.reduce((total, call) => total + of(call), 0);
    return {
      tokens: sum((call) => call.prompt_tokens + call.completion_tokens),
      usd: this.account?.cost_usd ?? sum((call) => call.cost_usd),
      seconds: this.account?.latency_s ?? Math.max(0, ...this.calls.map((call) => call.end_s)),
    };
  }

  callsOf(agent) {
    return this.calls.filter((call) => call.agent === agent);
  }

  // Of each agent: `waiting`, `working`, `done`, `stands` (its answer is the team's), `failed`,
  // `late` or `spare` (was not asked).
  get states() {
    const { agents, edges, decision, adaptive } = this.plan;
    const ended = agents.map((_, i) => this._ended(i));
    const asked = this.steps.at(-1)?.asks ?? [];
    return agents.map((agent, i) => {
      const calls = this.callsOf(i);
      if (calls.at(-1)?.error) return "failed";
      if (ended[i]) return adaptive && this.over && this.steps.at(-1)?.answer === i ? "stands" : "done";
      if (this.over) return this.account?.late?.includes(agent.role) ? "late" : "spare";
      if (adaptive) return asked.includes(i) ? "working" : "waiting";
      const before = edges.filter(([, v]) => v === i).map(([u]) => u);
      const free = this.plan.rounds > 1 && i !== decision;
      return free || before.every((u) => ended[u]) ? "working" : "waiting";
    });
  }

  _ended(agent) {
    const rounds = new Set(this.callsOf(agent).map((call) => call.round));
    const wanted = this.plan.adaptive || agent === this.plan.decision ? 1 : this.plan.rounds;
    return rounds.size >= wanted;
  }
}
