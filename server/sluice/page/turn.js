// One turn of the conversation, as it is shown.

import { make, say } from "./dom.js";
import { span } from "./format.js";

export function asked(text) {
  return make("div", { class: "turn user" }, make("span", { class: "unseen" }, "You: "), text);
}

export class Answered {
  constructor() {
    this.thoughts = make("p", { class: "thought" });
    this.summary = make("summary", {}, "Thinking…");
    this.folded = make("details", {}, this.summary, this.thoughts);
    this.folded.hidden = true;
    this.text = make("div", { class: "text" });
    this.calls = [];
    this.about = make("p", { class: "about" });
    const who = make("span", { class: "unseen" }, "The model: ");
    this.node = make("div", { class: "turn assistant streaming" }, who, this.folded, this.text, this.about);
  }

  say(text) {
    this.thought();
    this.text.append(text);
  }

  think(text) {
    this.began ??= performance.now();
    this.folded.hidden = false;
    this.thoughts.append(text);
  }

  // It has done so.
  thought() {
    if (this.began && !this.took) {
      this.took = (performance.now() - this.began) / 1000;
      say(this.summary, `Thought for ${span(this.took)}`);
    }
  }

  // A piece of a call of a tool: the first one has its name, and each some of its arguments.
  call({ index, id, function: { name, arguments: text } }) {
    this.thought();
    if (!this.calls[index]) {
      const node = make("pre", { "aria-label": "A call of a tool" });
      this.calls[index] = { id, name: "", text: "", node };
      this.about.before(node);
    }
    const call = this.calls[index];
    call.id ??= id;
    call.name += name ?? "";
    call.text += text ?? "";
    say(call.node, `${call.name}(${call.text})`);
  }

  end(about) {
    this.thought();
    this.node.classList.remove("streaming");
    say(this.about, about);
  }

  fail(message) {
    this.node.classList.remove("streaming");
    this.about.before(make("p", { class: "wrong" }, message));
  }

  // As the next request tells it to the model.
  message() {
    const calls = this.calls.filter(Boolean).map(({ id, name, text }) => ({ id, type: "function", function: { name, arguments: text } }));
    return { role: "assistant", content: this.text.textContent, ...(calls.length ? { tool_calls: calls } : {}) };
  }
}
