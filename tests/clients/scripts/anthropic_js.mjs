// The anthropic package for JavaScript: messages whole, streamed, typed, and with tools that it runs by itself.
import assert from "node:assert";
import { createRequire } from "node:module";
import { join } from "node:path";

const need = createRequire(join(process.env.CLIENT_ENVIRONMENT, "package.json"));
const Anthropic = need("@anthropic-ai/sdk");
const { betaZodTool } = need("@anthropic-ai/sdk/helpers/beta/zod");
const { zodOutputFormat } = need("@anthropic-ai/sdk/helpers/zod");
const { z } = need("zod");

const client = new Anthropic({ maxRetries: 0 });
const common = { model: "demo", max_tokens: 60, temperature: 0 };
const sum = [{ role: "user", content: "What is 17 + 25?" }];
const oslo = [{ role: "user", content: "What is the weather in Oslo?" }];
const textOf = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");

const answer = await client.messages.create({ ...common, messages: sum });
assert.equal(textOf(answer), "42");
const counted = await client.messages.countTokens({ model: "demo", messages: sum });
const { input_tokens: fresh, cache_creation_input_tokens: written, cache_read_input_tokens: read } = answer.usage;
assert.equal(counted.input_tokens, fresh + written + read);
console.log("did: messages, countTokens");

const stream = client.messages.stream({ ...common, messages: sum });
let text = "";
stream.on("text", (delta) => { text += delta; });
assert.equal(textOf(await stream.finalMessage()), "42");
assert.equal(text, "42");
console.log("did: streaming helper");

const Place = z.object({ city: z.enum(["Oslo", "Paris"]), warm: z.boolean() });
const parsed = await client.messages.parse({
  ...common, messages: sum, output_config: { format: zodOutputFormat(Place) },
});
assert.equal(typeof parsed.parsed_output.warm, "boolean");
console.log("did: parse with a zod schema");

for (const streamed of [false, true]) {
  const asked = [];
  const getWeather = betaZodTool({
    name: "get_weather", description: "The weather.", inputSchema: z.object({ city: z.string() }),
    run: ({ city }) => { asked.push(city); return "5 degrees"; },
  });
  const runner = client.beta.messages.toolRunner({ ...common, messages: oslo, tools: [getWeather], stream: streamed });
  if (streamed) for await (const turn of runner) for await (const _ of turn);
  const last = await runner.runUntilDone();
  assert.equal(textOf(last), "The tool says: 5 degrees");
  assert.deepEqual(asked, ["Oslo"]);
}
console.log("did: toolRunner, whole and streamed");

await assert.rejects(
  client.messages.create({ ...common, model: "nobody", messages: sum }),
  (error) => error instanceof Anthropic.NotFoundError && error.error.error.type === "not_found_error",
);
console.log("did: errors");
