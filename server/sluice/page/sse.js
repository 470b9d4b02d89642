// Server-sent events from a fetch: an EventSource could send no key.

export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let unread = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (unread + value).split("\n\n");
      unread = blocks.pop();
      for (const block of blocks) {
        const event = parsed(block);
        if (event.data !== null) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // whoever leaves the loop has done with the connection
  }
}

function parsed(block) {
  const event = { name: "message", data: null };
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event.name = line.slice(7);
    else if (line.startsWith("data: ")) event.data = (event.data === null ? "" : `${event.data}\n`) + line.slice(6);
  }
  return event;
}

// What an answer that is none says of itself.
export async function complaint(response) {
  const said = await response.json().catch(() => null);
  return said?.error?.message ?? `The server answers with ${response.status}.`;
}
