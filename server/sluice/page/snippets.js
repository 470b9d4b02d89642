// The playground's request, as it would be made elsewhere. A key that was typed in is not told.

const KEY = "SLUICE_API_KEY";

export function curl(url, body, hasKey) {
  const data = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  const key = hasKey ? ` \\\n  -H "Authorization: Bearer $${KEY}"` : "";
  return `curl -N ${url}/v1/chat/completions \\\n  -H 'Content-Type: application/json'${key} -d '${data}'`;
}

export function python(url, body, hasKey) {
  const { stream_options: _, stream: __, chat_template_kwargs: extra, ...known } = body;
  const rest = extra ? { ...known, extra_body: { chat_template_kwargs: extra } } : known;
  const key = hasKey ? `os.environ["${KEY}"]` : '"none"';
  const fields = Object.entries(rest).map(([name, value]) => `    ${name}=${literal(value, 1)},`);
  return [
    ...(hasKey ? ["import os", ""] : []),
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${url}/v1", api_key=${key})`,
    "stream = client.chat.completions.create(",
    ...fields,
    "    stream=True,",
    ")",
    "for chunk in stream:",
    '    print(chunk.choices[0].delta.content or "", end="", flush=True)',
  ].join("\n");
}

// A value of JSON, as Python writes it.
function literal(value, depth) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object") return String(value);
  const isList = Array.isArray(value);
  const items = isList
    ? value.map((item) => literal(item, depth + 1))
    : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${literal(item, depth + 1)}`);
  const [open, close] = isList ? "[]" : "{}";
  const line = `${open}${items.join(", ")}${close}`;
  if (line.length < 88) return line;
  const space = "    ".repeat(depth + 1);
  return `${open}\n${items.map((item) => `${space}${item},\n`).join("")}${"    ".repeat(depth)}${close}`;
}
