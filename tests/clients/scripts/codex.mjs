// Codex's command line over responses: two turns, a tool's round, and a turn with all of its instructions and tools.
import assert from "node:assert";
import { agent } from "./agent.mjs";

const PROVIDER = `
model = "demo"
model_provider = "sluice"
model_context_window = 32768
check_for_update_on_startup = false
analytics = { enabled = false }

[model_providers.sluice]
name = "Sluice"
base_url = "${process.env.SLUICE_URL}/v1"
env_key = "SLUICE_KEY"
wire_api = "responses"
`;
// of what Codex tells every model at first, a small one understands nothing
const LITTLE = `
model_instructions_file = "kind.md"
include_environment_context = false
include_permissions_instructions = false
include_apps_instructions = false
include_collaboration_mode_instructions = false
web_search = "disabled"
skills = { include_instructions = false }
agents = { enabled = false }
${PROVIDER}
[features]
apps = false
goals = false
hooks = false
plugins = false
tool_suggest = false
view_image = false
image_generation = false
`;

const settings = (home) => ({ CODEX_HOME: home, SLUICE_KEY: "none" });
const EXEC = ["exec", "--skip-git-repo-check", "--json"];

function last({ said, text }) {
  assert(said.some((each) => each.type === "turn.completed"), text);
  return said.filter((each) => each.item?.type === "agent_message").at(-1).item.text;
}

const little = agent("codex", { "config.toml": LITTLE, "kind.md": "Be kind." }, settings);
assert.equal(last(little(...EXEC, "What is 17 + 25?")), "42");
assert.equal(last(little(...EXEC, "resume", "--last", "Count from 7 to 12.")), "7 8 9 10 11 12");
console.log("did: a turn, and another one of the same session");

// the model names a tool that Codex has not got, which answers so
const called = little(...EXEC, "Search for hello.");
assert.match(called.text, /unsupported call: \w*search/);
assert.equal(typeof last(called), "string");
console.log("did: a tool's round");

const whole = agent("codex", { "config.toml": PROVIDER }, settings);
const turn = whole(...EXEC, "What is 17 + 25?");
assert.equal(typeof last(turn), "string");
const { input_tokens: tokens } = turn.said.find((each) => each.type === "turn.completed").usage;
assert(tokens > 10_000, `${tokens} tokens`);
console.log(`did: a turn of ${tokens} tokens, with all that it sends`);
