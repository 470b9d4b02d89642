// Vercel's AI SDK over responses, chat and messages: texts, an agent's round with a tool, and objects, whole and streamed.
import assert from "node:assert";
import { createRequire } from "node:module";
import { join } from "node:path";

const need = createRequire(join(process.env.CLIENT_ENVIRONMENT, "package.json"));
const { generateText, isStepCount, Output, streamText, tool } = need("ai");
const { createAnthropic } = need("@ai-sdk/anthropic");
const { createOpenAI } = need("@ai-sdk/openai");
const { createOpenAICompatible } = need("@ai-sdk/openai-compatible");
const { z } = need("zod");

const url = `${process.env.SLUICE_URL}/v1`;
const openai = createOpenAI({ baseURL: url, apiKey: "none" });
const models = {
  "openai, responses": openai("demo"),
  "openai, chat": openai.chat("demo"),
  "openai-compatible": createOpenAICompatible({
    name: "sluice", baseURL: url, includeUsage: true, supportsStructuredOutputs: true,
  })("demo"),
  anthropic: createAnthropic({ baseURL: url, apiKey: "none" })("demo"),
};
const Place = z.object({ city: z.enum(["Oslo", "Paris"]), warm: z.boolean() });

for (const [name, model] of Object.entries(models)) {
  const common = { model, temperature: 0, maxRetries: 0, maxOutputTokens: 100 };
  const sum = { ...common, prompt: "What is 17 + 25?" };
  const whole = await generateText(sum);
  assert.equal(whole.text, "42");
  assert(whole.usage.inputTokens > 0 && whole.usage.outputTokens > 0);
  const streamed = streamText(sum);
  let text = "";
  for await (const part of streamed.textStream) text += part;
  assert.equal(text, "42");
  assert.deepEqual((await streamed.usage).outputTokens, whole.usage.outputTokens);

  for (const run of [generateText, streamText]) {
    const asked = [];
    const get_weather = tool({
      description: "The weather.", inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => { asked.push(city); return "5 degrees"; },
    });
    const prompt = "What is the weather in Oslo?";
    const result = await run({ ...common, prompt, tools: { get_weather }, stopWhen: isStepCount(3) });
    assert.equal(await result.text, "The tool says: 5 degrees");
    assert.deepEqual([asked, (await result.steps).length], [["Oslo"], 2]);
    const typed = await run({ ...sum, output: Output.object({ schema: Place }) });
    assert.equal(typeof (await typed.output).warm, "boolean");
  }
  console.log(`did: ${name}: text, a tool's round and an object, whole and streamed`);
}
