// A tool for agents, over MCP's stdio.
import { createInterface } from "node:readline";

const inputSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "weather", version: "1" },
  }),
  "tools/list": () => ({ tools: [{ name: "get_weather", description: "The weather.", inputSchema }] }),
  "tools/call": ({ arguments: { city } }) => ({ content: [{ type: "text", text: `5 degrees in ${city}` }] }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  const result = answers[method]?.(params);
  const said = result ? { result } : { error: { code: -32601, message: `There is no ${method}` } };
  console.log(JSON.stringify({ jsonrpc: "2.0", id, ...said }));
}
