// Which plots there are: what each shows of a point, in which color, and how its values are written.

import { count, percent, short, span, words } from "./format.js";

export const REASONS = {
  max_concurrency: "alarm", queue_timeout: "amber", max_waiting_tokens: "violet", tenant_max_concurrency: "water",
  requests_per_minute: "soft", tokens_per_minute: "ink",
};

const waiting = (p) => p.waiting_interactive + p.waiting_batch;
const quantiles = (name) => [
  { label: "p99", color: "amber", of: (p) => p[`${name}_p99`], width: 1 },
  { label: "p50", color: "water", of: (p) => p[`${name}_p50`] },
];
const names = Object.keys(REASONS);
const refusals = names.map((reason, index) => ({
  label: words(reason),
  color: REASONS[reason],
  of: (p) => names.slice(index).reduce((sum, name) => sum + (p.rejected?.[name] ?? 0), 0), // one on top of the other
  value: (p) => p.rejected?.[reason] ?? 0,
  isBar: true,
  isRare: true,
}));

export const FIGURES = [
  {
    id: "seats", title: "Seats", isWide: true, isStacked: true, write: count, floor: 4,
    series: [
      { label: "arriving or leaving", color: "soft", of: (p) => p.admitted, value: (p) => p.admitted - p.running - waiting(p), isFilled: true, isRare: true },
      { label: "waiting", color: "amber", of: (p) => p.running + waiting(p), value: waiting, isFilled: true },
      { label: "running", color: "water", of: (p) => p.running, isFilled: true },
      { label: "concurrency", color: "ink", of: (p) => p.concurrency, isLimit: true },
      { label: "max_concurrency", color: "alarm", of: (p) => p.max_concurrency, isLimit: true },
    ],
  },
  {
    id: "tokens", title: "Tokens a second", write: short, floor: 10,
    series: [
      { label: "prompts", color: "violet", of: (p) => p.prompt_tokens, width: 1, isRare: true },
      { label: "generated", color: "water", of: (p) => p.tokens, isFilled: true },
    ],
  },
  { id: "first_token", title: "Time to first token", write: span, floor: 0.01, series: quantiles("first_token") },
  { id: "inter_token", title: "Between tokens", write: span, floor: 0.01, series: quantiles("inter_token") },
  {
    id: "oldest", title: "Longest wait in the queue", write: span, floor: 1,
    series: [{ label: "so far", color: "amber", of: (p) => p.oldest_wait, isFilled: true }],
  },
  { id: "refusals", title: "Refused a second", write: count, floor: 4, series: refusals },
  {
    id: "kv", title: "KV cache", write: percent, floor: 1, most: 1,
    series: [{ label: "taken", color: "violet", of: (p) => p.kv_cache_usage, isFilled: true }],
  },
];
