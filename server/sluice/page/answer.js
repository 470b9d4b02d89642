// One answer of the model's, as it streams: its text, its thoughts folded, its calls, its pace.

import { headersOf } from "./keys.js";
import { complaint, events } from "./sse.js";

// `on` has text, thought and call, each with what is new, and first for the first of any. Gives what there is to tell in
// the end; raises Refused, and an AbortError once the signal says so.
export async function answer(body, signal, on) {
  const began = performance.now();
  const headers = { "Content-Type": "application/json", ...headersOf("tenant") };
  const response = await fetch("v1/chat/completions", { method: "POST", headers, body: JSON.stringify(body), signal });
  if (!response.ok) throw new Refused(await complaint(response), response);
  let first = null;
  let usage = null;
  let reason = null;
  let isComplete = false;
  for await (const { data } of events(response)) {
    if (data === "[DONE]") {
      isComplete = true;
      break;
    }
    const chunk = JSON.parse(data);
    if (chunk.error) throw new Refused(chunk.error.message, response);
    usage = chunk.usage ?? usage;
    const [choice] = chunk.choices ?? [];
    if (!choice) continue;
    reason = choice.finish_reason ?? reason;
    const { content, reasoning, reasoning_content: thought, tool_calls: calls } = choice.delta;
    if (first === null && (content || reasoning || thought || calls)) {
      first = performance.now();
      on.first((first - began) / 1000);
    }
    if (reasoning || thought) on.thought(reasoning || thought);
    if (content) on.text(content);
    for (const call of calls ?? []) on.call(call);
  }
  if (!isComplete) throw new Refused("The answer has no end: the connection has closed.", response);
  return { reason, usage, first: ((first ?? performance.now()) - began) / 1000, seconds: (performance.now() - (first ?? began)) / 1000 };
}

// By the server. `isKey`: for want of a key that will do. `after`: seconds until it makes sense to ask again.
export class Refused extends Error {
  constructor(message, response) {
    super(message);
    this.isKey = response.status === 401;
    this.after = Number(response.headers.get("retry-after")) || null;
  }
}
