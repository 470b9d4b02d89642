// The playground: a conversation with the model that this server serves.

import { answer, Refused } from "./answer.js";
import { by, make, say, show } from "./dom.js";
import { count, span } from "./format.js";
import { keep, keyOf } from "./keys.js";
import { copy, fillExample, requested, showInCode } from "./request.js";
import { Answered, asked } from "./turn.js";

export class Chat {
  messages = [];
  stopping = null;
  isServed = false;

  constructor() {
    by("chat-form").addEventListener("submit", (event) => (event.preventDefault(), this.send()));
    by("chat-form").addEventListener("input", () => showInCode(this.messages));
    by("chat-form").addEventListener("invalid", () => (by("settings").open = true), true);
    by("message").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!by("send").disabled) by("chat-form").requestSubmit();
    });
    by("chat").addEventListener("keydown", (event) => event.key === "Escape" && this.stop());
    by("stop").addEventListener("click", () => this.stop());
    by("chat-new").addEventListener("click", () => this.clear());
    by("tenant-key").addEventListener("change", () => keep("tenant", by("tenant-key").value.trim()));
    by("tools-example").addEventListener("click", () => {
      fillExample();
      showInCode(this.messages);
    });
    for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => copy(button));
    by("tenant-key").value = keyOf("tenant");
    show(by("tenant-row"), Boolean(keyOf("tenant")));
    showInCode(this.messages);
  }

  // What the server can be asked now.
  serve({ phase, model }) {
    this.isServed = phase === "ready" && (model.tasks ?? []).includes("generate");
    const names = [...by("chat-model").options].map((option) => option.value);
    if (names.join() !== model.names.join()) {
      by("chat-model").replaceChildren(...model.names.map((name) => make("option", { value: name }, name)));
      showInCode(this.messages);
    }
    by("tools").disabled = model.calls_tools === false;
    show(by("thinking-row"), model.reasons === true);
    by("send").disabled = !this.isServed || this.stopping !== null;
    if (this.stopping === null && !this.isServed) say(by("pace"), phase === "ready" ? "This model does not chat." : "Not now: the server is not ready.");
    else if (by("pace").textContent.startsWith("Not now")) say(by("pace"), "");
  }

  // What is written, or at the beginning what is suggested.
  async send() {
    if (this.messages.length && !by("message").value.trim()) return;
    const body = requested(this.messages);
    const shown = new Answered();
    const stopping = (this.stopping = new AbortController());
    const log = by("log");
    log.append(asked(body.messages.at(-1).content), shown.node);
    log.scrollTop = log.scrollHeight;
    by("message").value = "";
    this.turn(true);
    const follow = (write) => (piece) => {
      const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      write(piece);
      if (isAtEnd) log.scrollTop = log.scrollHeight;
    };
    try {
      const told = await answer(body, stopping.signal, {
        first: (seconds) => say(by("pace"), `first token after ${span(seconds)}`),
        text: follow((text) => shown.say(text)),
        thought: follow((text) => shown.think(text)),
        call: follow((call) => shown.call(call)),
      });
      shown.end(pace(told));
      say(by("said"), `The model has answered: ${shown.text.textContent.slice(0, 300)}. ${pace(told)}`);
      this.remember(body, shown);
    } catch (error) {
      if (stopping !== this.stopping) return; // the conversation is another one by now
      this.fail(error, shown, body);
    }
    log.scrollTop = log.scrollHeight;
    this.turn(false);
  }

  // What the next request tells of this one.
  remember(body, shown) {
    this.messages = [...body.messages.filter((message) => message.role !== "system"), shown.message(), ...results(shown)];
  }

  fail(error, shown, body) {
    if (error.name === "AbortError") {
      shown.end("stopped");
      say(by("said"), "Stopped.");
      if (shown.text.textContent) this.remember(body, shown);
      return;
    }
    const isRefused = error instanceof Refused;
    const again = isRefused && error.after ? ` Ask again in ${span(error.after)}.` : "";
    const message = isRefused ? error.message + again : "The server does not answer.";
    shown.fail(message);
    say(by("said"), message);
    by("message").value ||= body.messages.at(-1).content;
    if (isRefused && error.isKey) {
      show(by("tenant-row"), true);
      by("settings").open = true;
      by("tenant-key").focus();
    }
  }

  // Whether the model is answering.
  turn(is) {
    show(by("send"), !is);
    show(by("stop"), is);
    by("log").setAttribute("aria-busy", String(is));
    if (is) by("stop").focus({ preventScroll: true });
    else {
      this.stopping = null;
      by("send").disabled = !this.isServed;
      say(by("pace"), "");
      if (document.activeElement === document.body) by("message").focus({ preventScroll: true });
    }
    showInCode(this.messages);
  }

  stop() {
    this.stopping?.abort();
  }

  clear() {
    this.stop();
    this.messages = [];
    by("log").replaceChildren();
    this.turn(false);
    by("message").focus();
  }
}

function pace({ reason, usage, first, seconds }) {
  const tokens = usage?.completion_tokens ?? 0;
  const speed = tokens > 1 && seconds > 0 ? `, ${count((tokens - 1) / seconds)} tokens/s` : "";
  return `${count(tokens)} tokens${speed}, the first after ${span(first)}${reason === "length" ? "; cut at its limit" : ""}`;
}

// What stands for the results of calls, which nobody here can make.
function results(shown) {
  return shown.calls.filter(Boolean).map(({ id }) => ({ role: "tool", tool_call_id: id, content: "{}" }));
}
