// Numbers and labels in words: dollars, seconds, shares, how calls are made.

const number = (digits) => new Intl.NumberFormat("en-US", { maximumSignificantDigits: digits });
const [two, three] = [number(2), number(3)];
const cents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export function usd(value) {
  if (!value) return "$0";
  return `$${value >= 1 ? cents.format(value) : (value >= 0.01 ? three : two).format(value)}`;
}

export function seconds(value) {
  if (value >= 120) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} s`;
}

export const percent = (share) => `${Math.round(100 * share)} %`;
export const whole = (value) => value.toLocaleString("en-US");
export const plural = (n, one) => `${whole(n)} ${one}${n === 1 ? "" : "s"}`;

export function list(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

export const sentence = (text) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

// Why a call has failed, by the kinds that accounts name.
export const KINDS = {
  timeout: "took too long",
  connection: "could not be reached",
  status: "failed: its provider answered with an error",
  malformed: "failed: its reply cannot be read",
  empty: "said nothing",
  filter: "failed: its provider has filtered the reply",
  oversize: "failed: its reply is too large",
  deadline: "came too late for the time that was allowed",
  budget: "was not asked: what it may cost at most is more than is left",
  ledger: "was not asked: its call could not be booked",
  circuit: "was not asked: its provider has failed too often just now",
  unrecorded: "was not asked: its answer is not recorded, and no calls are made",
};

const LABELS = {
  live: "Live: real LLMs are called",
  simulated: "Simulated: no LLM is called",
  recorded: "Recorded: answers are replayed",
};

// A badge that says how calls are made.
export function badge(element, label, long = true) {
  element.textContent = long ? LABELS[label] ?? label : label;
  element.className = `badge ${label in LABELS ? label : "other"}`;
  element.hidden = false;
}
