/**
 * How long one request can hold everybody else's: `deno task bench:stall`.
 *
 * Method: hostile bodies just within the limit of 32 MiB, one at a time, at both doors and at an empty
 * process that only reads what it is sent. Each process measures how long its own event loop was held. Every
 * body is sent three times and the shortest time counts, because the machine is held by others too. It fails
 * when ours is held longer than the empty one by the bound or more.
 */
const heldMsMax = 250;
const tries = 3;
const mebibyte = 1024 * 1024;
/** A little under the limit, so that what stands around the filling fits too. */
const fill = 31 * mebibyte;

interface Hostile {
  readonly name: string;
  readonly door: "api" | "mcp";
  readonly path?: string;
  readonly type?: string;
  readonly body: () => string;
}

const repeated = (piece: string, bytes = fill) => piece.repeat(Math.floor(bytes / piece.length));
const listOf = (item: string, count: number) => `[${Array.from({ length: count }, () => item).join(",")}]`;
const filled = (item: string) => listOf(item, Math.floor(fill / (item.length + 1)));
const user = (content: string) => `{"messages":[{"role":"user","content":${content}}],"user":"u"}`;
const withField = (name: string, value: string) => user('"hi"').replace(/\}$/, `,"${name}":${value}}`);
const resent = (text: string) =>
  `{"user":"u","messages":[{"role":"user","content":"a"},{"role":"assistant","content":${
    JSON.stringify(text)
  }},{"role":"user","content":"b"}]}`;
const call = (params: string) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`;
const keys = (count: number) => `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(",")}}`;
const tool = (parameters: string) => `[{"type":"function","function":{"name":"f","parameters":${parameters}}}]`;
const boundary = "b0undary";
const form = (part: string, count: number) => `${`--${boundary}\r\n${part}\r\n`.repeat(count)}--${boundary}--\r\n`;
const formType = `multipart/form-data; boundary=${boundary}`;
const calls = listOf('{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}', 4);
const message = `{"role":"assistant","content":"a","tool_calls":${calls}}`;

const api = (name: string, body: () => string): Hostile => ({ name, door: "api", body });
const mcp = (name: string, body: () => string): Hostile => ({ name, door: "mcp", body });

const hostile: ReadonlyArray<Hostile> = [
  // Structure.
  api("numbers in a wide list", () => withField("metadata", filled("1"))),
  api("1.8 million keys", () => withField("metadata", keys(1_800_000))),
  api("190,000 keys", () => withField("metadata", keys(90_000))),
  api("empty tools", () => withField("tools", filled("{}"))),
  api("empty messages", () => `{"messages":${filled("{}")}}`),
  api("content parts", () => user(filled('{"type":"text","text":""}'))),
  api("brackets", () => withField("metadata", repeated("["))),
  api("empty strings", () => withField("stop", filled('""'))),
  api("no JSON", () => repeated("x")),
  api("JSON that breaks off", () => `{"messages":"${repeated("x")}`),
  // As much as is let in.
  api("tools that declare all they may", () => withField("tools", tool(keys(19_000)))),
  api(
    "a format that declares all it may",
    () => withField("response_format", `{"type":"json_schema","json_schema":{"name":"n","schema":${keys(19_000)}}}`),
  ),
  api("template arguments", () => withField("chat_template_kwargs", keys(90_000))),
  api("nine thousand parts", () => user(listOf('{"type":"text","text":"a"}', 9_000))),
  api("ten thousand short messages", () => `{"messages":${listOf('{"role":"user","content":"a"}', 10_000)}}`),
  api("two thousand messages with four calls each", () => `{"messages":${listOf(message, 2_000)}}`),
  // Text.
  api("one long text", () => user(`"${repeated("a")}"`)),
  api("one text of escapes", () => user(`"${repeated("\\u0041")}"`)),
  api("one text of quotes", () => user(`"${repeated('\\"')}"`)),
  api("one text of three bytes a character", () => user(`"${repeated("水", fill / 3)}"`)),
  api("resent backticks", () => resent(repeated("`", 16 * mebibyte))),
  api("resent details", () => resent(repeated('<details type="tool_calls" done="true" ', 16 * mebibyte))),
  api("resent fences", () => resent(repeated("```bash caisson:call\n", 16 * mebibyte))),
  api("resent lines", () => resent(repeated("a\n", 8 * mebibyte))),
  api("a file as data", () => user(`[{"type":"file","file":{"filename":"a.bin","file_data":"${repeated("AAAA")}"}}]`)),
  api(
    "an image as data",
    () => user(`[{"type":"image_url","image_url":{"url":"data:image/png;base64,${repeated("AAAA")}"}}]`),
  ),
  // Uploads.
  ...([
    ["a form of empty parts", () => form("\r\n", 600_000)],
    ["a form of one long head", () => form(`X: ${repeated("a")}\r\n\r\n`, 1)],
    ["a form of many heads", () => form(`${repeated("X: a\r\n")}\r\n`, 1)],
    [
      "a form with a large file",
      () => form(`Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n${repeated("a")}`, 1),
    ],
    ["a form of dashes", () => form(repeated("--"), 1)],
  ] as const).map(([name, body]): Hostile => ({
    name,
    door: "api",
    path: "/v1/artifacts?user=ada",
    type: formType,
    body,
  })),
  // The MCP server.
  mcp("arguments of many keys", () => call(`{"name":"execute_bash","arguments":${keys(90_000)}}`)),
  mcp("a wide list", () => call(`{"name":"execute_bash","arguments":{"command":${filled("1")}}}`)),
  mcp("a batch", () => filled(call('{"name":"execute_bash"}'))),
  mcp("a batch of all that is let in", () => listOf(call('{"name":"execute_bash"}'), 12_000)),
  mcp("a long file", () => call(`{"name":"write_file","arguments":{"file_path":"a","content":"${repeated("a")}"}}`)),
  mcp("brackets", () => call(repeated("["))),
];

interface Process {
  readonly ports: Readonly<Record<"api" | "mcp", number>>;
  /** The longest that its loop was held since it was asked before. */
  readonly heldMs: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

const start = async (kind: "caisson" | "empty"): Promise<Process> => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net=127.0.0.1", "--allow-env", "--allow-read", "--allow-sys", "bench/stallServer.ts", kind],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  const [apiPort = 0, mcpPort = 0] = ((await lines.read()).value ?? "").trim().split(" ").map(Number);
  return {
    ports: { api: apiPort, mcp: mcpPort },
    heldMs: async () => {
      await input.write(new TextEncoder().encode("?\n"));
      return Number((await lines.read()).value);
    },
    stop: async () => {
      await lines.cancel();
      await input.close();
      child.kill("SIGKILL");
      await child.status;
    },
  };
};

const post = async (url: string, type: string, body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": type, accept: "application/json, text/event-stream", ...headers },
    body,
  });
  await response.arrayBuffer();
  return response;
};

const encode = (text: string) => new TextEncoder().encode(text);

const openSession = async (port: number) => {
  const clientInfo = { name: "bench", version: "1" };
  const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
  const initialize = encode(JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params }));
  const response = await post(`http://127.0.0.1:${port}/mcp`, "application/json", initialize);
  return { "mcp-session-id": response.headers.get("mcp-session-id") ?? "" };
};

const ours = await start("caisson");
const empty = await start("empty");
const session = await openSession(ours.ports.mcp);

const measure = async (
  server: Process,
  { door, path, type = "application/json" }: Hostile,
  body: Uint8Array<ArrayBuffer>,
) => {
  const url = `http://127.0.0.1:${server.ports[door]}${path ?? (door === "api" ? "/v1/chat/completions" : "/mcp")}`;
  const held: Array<number> = [];
  let status = 0;
  for (let turn = 0; turn < tries; turn++) {
    await server.heldMs();
    status = (await post(url, type, body, door === "mcp" ? session : {})).status;
    // What a request leaves to be done afterwards counts too.
    await new Promise((resolve) => setTimeout(resolve, 100));
    held.push(await server.heldMs());
  }
  return { heldMs: Math.min(...held), status };
};

// The first request of a process compiles what every later one uses.
await post(`http://127.0.0.1:${ours.ports.api}/v1/chat/completions`, "application/json", encode(user('"hi"')));

const only = Deno.args[0];
let worst = { name: "", overMs: 0 };
for (const each of hostile.filter(({ name }) => only === undefined || name.includes(only))) {
  const body = encode(each.body());
  const [mine, floor] = [await measure(ours, each, body), await measure(empty, each, body)];
  const overMs = mine.heldMs - floor.heldMs;
  if (overMs > worst.overMs) worst = { name: each.name, overMs };
  console.log(
    `${each.door} ${each.name} (${(body.length / mebibyte).toFixed(1)} MiB, ${mine.status}): held ${
      mine.heldMs.toFixed(0)
    } ms, empty process ${floor.heldMs.toFixed(0)} ms${overMs >= heldMsMax ? "  MISSED" : ""}`,
  );
}
await ours.stop();
await empty.stop();
console.log(`\nworst: ${worst.overMs.toFixed(0)} ms over the empty process (${worst.name}), wanted < ${heldMsMax}`);
Deno.exit(worst.overMs < heldMsMax ? 0 : 1);
