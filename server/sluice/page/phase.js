// Which phase the server is in, why, and how far its engine has come.

import { by, make, say, show } from "./dom.js";
import { age, count, span } from "./format.js";

const NAMES = {
  starting: "Loading", ready: "Ready", recovering: "Recovering", draining: "Draining", stopped: "Stopped", failed: "Failed",
};
const TITLES = {
  recovering: "The engine is being replaced",
  draining: "The server is being shut down",
  ready: "The engine stands still",
};
const LIVE = ["ready", "recovering", "draining"];

export class Phase {
  was = null; // the last Status
  hasServed = false;

  show(status) {
    this.was = status;
    this.hasServed ||= status.phase === "ready";
    const { phase, reason, progress } = status;
    this.enter(phase, NAMES[phase]);
    say(by("model"), described(status.model));
    say(by("facts"), `${status.version} · up ${age(status.uptime)}`);
    const isFailed = phase === "failed";
    const title = isFailed ? (this.hasServed ? "The engine has failed" : "The model cannot be loaded") : TITLES[phase];
    this.note(phase, reason && title, reason);
    show(by("loading"), Boolean(progress) || phase === "starting");
    this.load(phase, progress);
    for (const id of ["sluice", "plots", "totals"]) show(by(id), LIVE.includes(phase) || (isFailed && this.hasServed));
  }

  // The connection has gone, or there is none yet.
  away() {
    const { phase, reason } = this.was ?? {};
    const goesOn = "This page goes on by itself as soon as a server answers here.";
    if (phase === "failed") this.note("failed", by("notice-title").textContent, reason, `The server has ended. ${goesOn}`);
    else this.note("away", phase === "draining" ? "The server has ended" : "The server does not answer", "", goesOn);
    if (phase !== "failed") this.enter("away", phase === "draining" ? "Ended" : "Not reachable");
    show(by("loading"), false);
    this.hasServed = false;
  }

  enter(phase, name) {
    document.body.dataset.phase = phase;
    say(by("phase"), name);
  }

  note(kind, title, text, more) {
    by("notice").dataset.kind = kind;
    say(by("notice-title"), title || "");
    say(by("notice-text"), text || "");
    say(by("notice-more"), more || "");
    show(by("notice"), Boolean(title));
  }

  load(phase, progress) {
    say(by("loading-title"), phase === "recovering" ? "Starting the engine again" : "Loading the model");
    say(by("eta"), estimate(progress));
    const bar = by("loading-all");
    if (!progress) {
      bar.removeAttribute("value");
      by("stages").replaceChildren();
      return;
    }
    bar.value = part(progress);
    const stages = progress.stages.map((stage, index) => {
      const state = index + 1 < progress.step ? "done" : index + 1 === progress.step ? "now" : "next";
      const told = state === "now" && progress.part !== undefined ? `${Math.floor(progress.part * 100)}%` : "";
      const current = state === "now" ? { "aria-current": "step" } : {};
      return make("li", { class: state, ...current }, stage, make("span", {}, told));
    });
    by("stages").replaceChildren(...stages);
  }
}

// Of the whole start, from 0 to 1.
function part({ step, stages, part: within = 0, seconds, expected_seconds: expected, expected_part: begun }) {
  const counted = (step - 1 + within) / stages.length;
  if (!expected) return counted;
  return Math.min(0.98, Math.max(seconds / expected, begun ?? 0));
}

function estimate(progress) {
  if (!progress) return "It begins.";
  const { seconds, expected_seconds: expected } = progress;
  if (!expected) return `${span(seconds)} so far. How long it takes is known the next time.`;
  const left = expected - seconds;
  if (left < 1) return `${span(seconds)} so far; the last start took ${span(expected)}.`;
  return `About ${span(Math.ceil(left))} to go, as the last start took ${span(expected)}.`;
}

function described({ names, max_model_len: context, kv_cache_tokens: kv }) {
  const more = names.length > 1 ? ` +${names.length - 1}` : "";
  const facts = [context && `${count(context)} tokens of context`, kv && `${count(kv)} in the KV cache`];
  return [names[0] + more, ...facts.filter(Boolean)].join(" · ");
}
