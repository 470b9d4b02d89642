// Claude Code's command line over messages: two turns, a tool's round, a schema, and a turn with all of its tools.
import assert from "node:assert";
import { fileURLToPath } from "node:url";
import { agent } from "./agent.mjs";

const PRINT = ["--print", "--model", "demo", "--output-format", "stream-json", "--verbose"];
const WEATHER = {
  mcpServers: { w: { command: "node", args: [fileURLToPath(new URL("weather_mcp.mjs", import.meta.url))] } },
};

const claude = agent("claude", {}, (home) => ({
  CLAUDE_CONFIG_DIR: home, ANTHROPIC_BASE_URL: process.env.SLUICE_URL, ANTHROPIC_API_KEY: "none",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", CLAUDE_CODE_MAX_OUTPUT_TOKENS: "200", MAX_THINKING_TOKENS: "0",
}));

function result({ said, text }) {
  const found = said.find((each) => each.type === "result");
  assert.equal(found?.subtype, "success", text);
  assert(!found.is_error, text);
  return found;
}

assert.equal(result(claude(...PRINT, "--bare", "What is 17 + 25?")).result, "42");
assert.equal(result(claude(...PRINT, "--bare", "--continue", "Count from 7 to 12.")).result, "7 8 9 10 11 12");
console.log("did: a turn, and another one of the same session");

// the model leaves out of the tool's name what it has not been trained on, and is told so
const round = claude(
  ...PRINT, "--bare", "--system-prompt", "Be kind.", "--tools", "", "--strict-mcp-config",
  "--mcp-config", JSON.stringify(WEATHER), "--allowedTools", "mcp__w__get_weather", "--", "What is the weather in Oslo?",
);
const [call] = round.said.flatMap((each) => each.message?.content ?? []).filter((block) => block.type === "tool_use");
assert.match(call.name, /get_weather$/);
assert.deepEqual(call.input, { city: "Oslo" });
assert(result(round).num_turns > 1);
console.log("did: a tool's round");

const whole = result(claude(...PRINT, "What is 17 + 25?"));
const { input_tokens: fresh, cache_creation_input_tokens: written, cache_read_input_tokens: read } = whole.usage;
const tokens = fresh + written + read;
assert(tokens > 5000, `${tokens} tokens`);
console.log(`did: a turn of ${tokens} tokens, with all that it sends`);
