// The playground's request: what is written in its form, and the same in code.

import { by, say } from "./dom.js";
import { keyOf } from "./keys.js";
import { curl, python } from "./snippets.js";

const WEATHER = [{
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
}];

// With what has been said before. Raises SyntaxError for tools that are no JSON.
export function requested(messages) {
  const system = by("system").value.trim();
  const tools = by("tools").value.trim();
  const thinking = by("thinking").value;
  const next = { role: "user", content: by("message").value.trim() || by("message").placeholder };
  return {
    model: by("chat-model").value,
    messages: [...(system ? [{ role: "system", content: system }] : []), ...messages, next],
    ...(by("temperature").value === "" ? {} : { temperature: by("temperature").valueAsNumber }),
    ...(by("max-tokens").value === "" ? {} : { max_tokens: by("max-tokens").valueAsNumber }),
    ...(tools ? { tools: JSON.parse(tools) } : {}),
    ...(thinking ? { chat_template_kwargs: { enable_thinking: thinking === "true" } } : {}),
    stream: true,
    stream_options: { include_usage: true },
  };
}

export function showInCode(messages) {
  try {
    by("tools").setCustomValidity("");
    const body = requested(messages);
    const url = location.href.replace(/[#?].*$/, "").replace(/\/$/, "");
    say(by("curl"), curl(url, body, Boolean(keyOf("tenant"))));
    say(by("python"), python(url, body, Boolean(keyOf("tenant"))));
  } catch (error) {
    by("tools").setCustomValidity(`This is no JSON: ${error.message}`);
  }
}

export function fillExample() {
  by("tools").value = JSON.stringify(WEATHER, null, 2);
  by("message").value ||= "What is the weather in Oslo?";
}

// What the button stands beside.
export async function copy(button) {
  const source = by(button.dataset.of);
  try {
    await navigator.clipboard.writeText(source.textContent);
    say(by("said"), "Copied.");
    button.firstChild.textContent = "Copied";
    setTimeout(() => (button.firstChild.textContent = "Copy"), 1500);
  } catch {
    getSelection().selectAllChildren(source); // not where the page came unencrypted from another machine
  }
}
