// The numbers above the seats, who has had what, and the totals.

import { by, make, say, show } from "./dom.js";
import { count, percent, short, span, words } from "./format.js";

const RECENT = 5; // seconds over which refusals are told as going on

export function flow(status, history) {
  const { waiting_by: waits, latest } = status;
  const recent = history.points.slice(-RECENT);
  const refused = (point) => Object.values(point.rejected).reduce((sum, number) => sum + number, 0);
  const refusedNow = latest ? refused(latest) : 0;
  say(by("refused"), count(refusedNow));
  const reasons = Object.entries(status.rejected).filter(([, number]) => number);
  reasons.sort((one, other) => other[1] - one[1]);
  say(by("refused-more"), reasons.length ? `${short(reasons[0][1])} so far by ${reasons[0][0]}` : "none so far");
  mark("refused", recent.some(refused));
  say(by("waiting"), count(status.waiting));
  const kinds = [
    [waits.interactive, "interactive"], [waits.batch, "batch"], [status.paused_now, "paused"],
  ].filter(([number]) => number).map(([number, kind]) => `${number} ${kind}`);
  say(by("waiting-more"), status.waiting ? `${kinds.join(", ")}; the oldest ${span(status.oldest_wait_seconds)}` : "nobody");
  mark("waiting", status.waiting > 0);
  say(by("running"), count(status.running));
  say(by("running-of"), status.concurrency === null ? "" : `of ${count(status.concurrency)}`);
  say(by("running-more"), status.kv_cache_usage === null ? "" : `KV cache ${percent(status.kv_cache_usage)}`);
  say(by("tokens"), latest ? short(latest.tokens) : "0");
  const between = latest?.inter_token_p50;
  say(by("tokens-more"), between ? `${span(between)} apart, first after ${span(latest.first_token_p50)}` : "");
  document.title = status.phase === "ready" ? `${status.admitted} inside · Sluice` : `${by("phase").textContent} · Sluice`;
}

function mark(name, is) {
  by(name).closest("div").classList.toggle("some", is);
}

export function shares(status) {
  const told = status.shares;
  show(by("tenants"), told.some((share) => share.tenant !== "anonymous"));
  const all = told.reduce((sum, share) => sum + share.generated_tokens, 0);
  const rows = told.map((share) => {
    const part = all ? share.generated_tokens / all : 0;
    const bar = make("progress", { max: "1", value: part, "aria-hidden": "true" });
    const cells = [make("td", { class: "bar" }, bar, percent(part))];
    for (const number of [share.generated_tokens, share.prompt_tokens]) cells.push(make("td", {}, short(number)));
    for (const number of [share.running, share.waiting]) cells.push(make("td", {}, count(number)));
    return make("tr", {}, make("th", { scope: "row" }, share.tenant ?? "all others"), ...cells);
  });
  by("shares").replaceChildren(...rows);
}

const GOOD = ["finished"];

export function totals(status) {
  const counts = [
    ...Object.entries(status.finished).filter(([outcome]) => outcome !== "rejected"),
    ...Object.entries(status.rejected).map(([reason, number]) => [`refused: ${words(reason)}`, number]),
    ...Object.entries(status.would_reject).map(([reason, number]) => [`would be refused: ${words(reason)}`, number]),
    ["turned down after their seat was taken", status.finished.rejected],
    ["tokens generated", status.generated_tokens],
    ["of prompts", status.prompt_tokens],
    ["pauses", status.paused],
    ["most inside", status.peak_admitted],
    ["engine restarts", status.engine_restarts],
  ].filter(([name, number]) => number || GOOD.includes(name));
  const isBad = (name) => ["failed", "engine restarts"].includes(name);
  const rows = counts.map(([name, number]) =>
    make("div", isBad(name) ? { class: "bad" } : {}, make("dt", {}, name), make("dd", {}, short(number))),
  );
  by("counts").replaceChildren(...rows);
}
