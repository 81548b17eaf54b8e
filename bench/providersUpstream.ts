/**
 * A loopback provider for `bench/providers.ts`: it speaks the three wire formats with bytes that were encoded
 * before, so that what is measured is the reading of them.
 *
 * The user's message says `bench CHUNKS PAUSE_MS WRITES`: that many chunks, so far apart, `together` in large
 * writes or each in a write of its `own`. It prints its port.
 */
import { createServer, type ServerResponse } from "node:http";

const word = "some words of an answer ";

interface Format {
  readonly chunk: Uint8Array;
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

const encoder = new TextEncoder();
const event = (value: unknown, name = "") =>
  `${name === "" ? "" : `event: ${name}\n`}data: ${JSON.stringify(value)}\n\n`;
const named = (value: { readonly type: string } & Record<string, unknown>) => event(value, value.type);
const gemini = (value: unknown) => `data: ${JSON.stringify(value)}\r\n\r\n`;
const choice = (delta: unknown, finish_reason: string | null = null) => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "gpt-bench",
  choices: [{ index: 0, delta, logprobs: null, finish_reason }],
});

const formats: Readonly<Record<string, Format>> = {
  gemini: {
    start: new Uint8Array(),
    chunk: encoder.encode(gemini({
      candidates: [{ content: { role: "model", parts: [{ text: word }] }, index: 0 }],
      modelVersion: "gemini-bench",
    })),
    end: encoder.encode(gemini({
      candidates: [{ content: { role: "model" }, finishReason: "STOP", index: 0 }],
      usageMetadata: { promptTokenCount: 20, candidatesTokenCount: 7, totalTokenCount: 27 },
    })),
  },
  openai: {
    start: encoder.encode(event(choice({ role: "assistant", content: "" }))),
    chunk: encoder.encode(event(choice({ content: word }))),
    end: encoder.encode(event(choice({}, "stop")) + "data: [DONE]\n\n"),
  },
  anthropic: {
    start: encoder.encode(
      named({
        type: "message_start",
        message: { id: "m", role: "assistant", content: [], usage: { input_tokens: 20 } },
      }) +
        named({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    ),
    chunk: encoder.encode(
      named({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: word } }),
    ),
    end: encoder.encode(
      named({ type: "content_block_stop", index: 0 }) +
        named({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 7 } }) +
        named({ type: "message_stop" }),
    ),
  },
};

const formatOf = (path: string): Format | undefined =>
  formats[
    path.includes(":streamGenerateContent") ? "gemini" : path.endsWith("/chat/completions") ? "openai" : "anthropic"
  ];

/** Chunks of one large write. */
const together = 256;
const joined = (chunk: Uint8Array, count: number) => {
  const bytes = new Uint8Array(chunk.length * count);
  for (let index = 0; index < count; index++) bytes.set(chunk, index * chunk.length);
  return bytes;
};

const drained = (response: ServerResponse, bytes: Uint8Array): Promise<void> | undefined =>
  response.write(bytes) || response.destroyed ? undefined : new Promise((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });

const answer = async (response: ServerResponse, format: Format, chunks: number, pauseMs: number, isOwn: boolean) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  if (format.start.length > 0) response.write(format.start);
  const large = isOwn || pauseMs > 0 ? format.chunk : joined(format.chunk, together);
  const step = large === format.chunk ? 1 : together;
  for (let sent = 0; sent < chunks && !response.destroyed; sent += step) {
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const left = chunks - sent;
    await drained(response, step === 1 || left >= step ? large : joined(format.chunk, left));
  }
  response.end(format.end);
};

/** What is listed: each adapter reads its own part. */
const list = JSON.stringify({
  data: [{ id: "gpt-bench" }, { id: "claude-bench" }],
  models: [{ name: "models/gemini-bench" }],
  has_more: false,
});

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (text: string) => body += text);
  request.on("end", () => {
    // The last of a conversation, found without looking at the rest twice: a long one would hold this loop.
    const wish = /^bench (\d+) (\d+) (\w+)/.exec(body.slice(Math.max(0, body.lastIndexOf("bench "))));
    const format = formatOf((request.url ?? "").split("?")[0] ?? "");
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(list);
      return;
    }
    if (request.method !== "POST" || wish === null || format === undefined) {
      response.writeHead(404, { "content-type": "application/json" });
      response.end("{}");
      return;
    }
    answer(response, format, Number(wish[1]), Number(wish[2]), wish[3] === "own");
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") console.log(address.port);
});
