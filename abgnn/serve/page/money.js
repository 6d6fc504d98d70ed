// What the run has spent, and what its caps leave.

import { json } from "/page/api.js";
import { plural, usd } from "/page/format.js";

const byId = (id) => document.getElementById(id);

export async function showMoney() {
  const spent = await json("/v1/abgnn/spending");
  byId("money").hidden = false;
  const phase = spent.phase_cap_usd.run;
  const cap = Math.min(spent.run_cap_usd ?? Infinity, phase ?? Infinity);
  const capped = spent.left_usd !== null;
  byId("money-left").textContent = capped ? `${usd(spent.left_usd)} left of ${usd(cap)}` : "No cap is set";
  byId("money-meter").hidden = !capped;
  if (capped) {
    byId("money-meter").value = spent.left_usd / cap;
    byId("money-meter").textContent = byId("money-left").textContent;
  }
  const rows = [
    ["spent", `${usd(spent.certain_usd)}, ${plural(spent.calls, "call")}`],
    ["perhaps more, at worst", spent.worst_case_usd ? usd(spent.worst_case_usd) : ""],
    ["set aside for calls under way", spent.reserved_usd ? usd(spent.reserved_usd) : ""],
    ["most for one question", spent.query_cap_usd ? usd(spent.query_cap_usd) : ""],
    ["this is of", spent.scope === "process" ? "one of several workers; what the others spent is not in it" : ""],
    ["dollars are", spent.calls_are === "live" ? "" : spent.calls_are],
  ].filter(([, value]) => value);
  byId("money-parts").replaceChildren(...rows.flatMap(([name, value]) => {
    const [term, figure] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, figure.textContent] = [name, value];
    return [term, figure];
  }));
}
