// The openai package for JavaScript: chats whole, streamed, typed, and with a tool that it runs by itself.
import assert from "node:assert";
import { createRequire } from "node:module";
import { join } from "node:path";

// the packages are beside the environment, not beside this file
const need = createRequire(join(process.env.CLIENT_ENVIRONMENT, "package.json"));
const { OpenAI, APIError } = need("openai");
const { zodResponseFormat, zodFunction } = need("openai/helpers/zod");
const { z } = need("zod");

const client = new OpenAI({ maxRetries: 0 });
const sum = [{ role: "user", content: "What is 17 + 25?" }];
const oslo = [{ role: "user", content: "What is the weather in Oslo?" }];
const Place = z.object({ city: z.enum(["Oslo", "Paris"]), warm: z.boolean() });
const common = { model: "demo", temperature: 0 };

const answer = await client.chat.completions.create({ ...common, messages: sum });
assert.equal(answer.choices[0].message.content, "42");
console.log("did: chat");

const stream = client.chat.completions.stream({ ...common, messages: sum, stream_options: { include_usage: true } });
let text = "";
for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
assert.equal(text, "42");
assert.equal((await stream.totalUsage()).completion_tokens, (await stream.finalChatCompletion()).usage.completion_tokens);
console.log("did: streaming helper");

const parsed = await client.chat.completions.parse({
  ...common, messages: sum, response_format: zodResponseFormat(Place, "place"),
});
assert.equal(typeof parsed.choices[0].message.parsed.warm, "boolean");
console.log("did: parse with a zod schema");

for (const streamed of [false, true]) {
  const asked = [];
  const getWeather = zodFunction({
    name: "get_weather", parameters: z.object({ city: z.string() }),
    function: ({ city }) => { asked.push(city); return "5 degrees"; },
  });
  const runner = client.chat.completions.runTools({ ...common, messages: oslo, tools: [getWeather], stream: streamed });
  assert.equal(await runner.finalContent(), "The tool says: 5 degrees");
  assert.deepEqual(asked, ["Oslo"]);
}
console.log("did: runTools, whole and streamed");

await assert.rejects(
  client.chat.completions.create({ ...common, model: "nobody", messages: sum }),
  (error) => error instanceof APIError && error.status === 404,
);
assert.equal((await client.models.retrieve("demo")).id, "demo");
console.log("did: errors, models");

const response = await client.responses.create({ ...common, input: "What is 17 + 25?" });
assert.equal(response.output_text, "42");
const events = client.responses.stream({ ...common, input: "What is 17 + 25?" });
assert.equal((await events.finalResponse()).output_text, "42");
console.log("did: responses, whole and streamed");
