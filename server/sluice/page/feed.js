// What the server tells of itself, for as long as somebody looks.

import { headersOf } from "./keys.js";
import { complaint, events } from "./sse.js";

const QUIET_MS = 10_000; // without an event, of which there is one a second: the connection has gone, untold
const UNSEEN_MS = 30_000; // that a tab may be out of sight before it stops watching
const RETRY_MS = [500, 1000, 2000, 3000];

// `on` has history, status, away and locked; locked gives what to wait for until there is another key.
export async function watch(on) {
  for (let failures = 0; ; ) {
    await seen();
    try {
      const told = await listen(on, () => (failures = 0));
      if (told === "unseen") continue;
      on.away();
    } catch (error) {
      if (error instanceof Locked) {
        await on.locked(error.message);
        continue;
      }
      on.away();
    }
    await pause(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  }
}

class Locked extends Error {}

// Until the stream ends, or nobody looks. Raises Locked where the key will not do.
async function listen(on, isThere) {
  const ending = new AbortController();
  let why = "ended";
  const end = (reason) => {
    why = reason;
    ending.abort();
  };
  let quiet = setTimeout(end, QUIET_MS, "quiet");
  let unseen;
  const look = () => {
    clearTimeout(unseen);
    if (document.hidden) unseen = setTimeout(end, UNSEEN_MS, "unseen");
  };
  document.addEventListener("visibilitychange", look);
  try {
    const response = await fetch("status/events", { headers: headersOf("operator"), cache: "no-store", signal: ending.signal });
    if (response.status === 401 || response.status === 403) throw new Locked(await complaint(response));
    if (!response.ok) throw new Error(await complaint(response));
    for await (const { name, data } of events(response)) {
      clearTimeout(quiet);
      quiet = setTimeout(end, QUIET_MS, "quiet");
      isThere();
      on[name]?.(JSON.parse(data));
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    clearTimeout(quiet);
    clearTimeout(unseen);
    document.removeEventListener("visibilitychange", look);
    ending.abort();
  }
  return why;
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function seen() {
  while (document.hidden) await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
}
