/**
 * What the benches of providers share: the servers as processes, the loopback provider, and a client that reads
 * streams and counts their texts.
 */
import { Agent, request } from "node:http";

export interface Use {
  readonly rss: number;
  readonly heapUsed: number;
  readonly cpuMs: number;
}

export interface Server {
  readonly name: string;
  readonly model: string;
  readonly port: number;
  readonly use: (kind: "cpu" | "memory") => Promise<Use>;
  readonly stop: () => Promise<void>;
}

const run = (script: string, args: ReadonlyArray<string>) =>
  new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--lock=tests/deno.lock",
      "--v8-flags=--expose-gc",
      "--allow-net=127.0.0.1",
      "--allow-env",
      "--allow-read",
      "--allow-sys",
      script,
      ...args,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();

/** Starts one of the servers of `bench/providersServer.ts`. */
export const start = async (name: string, upstream: string, keys = ""): Promise<Server> => {
  const child = run("bench/providersServer.ts", [name, upstream, keys]);
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  const port = Number((await lines.read()).value);
  return {
    name,
    model: { openai: "gpt-bench", anthropic: "claude-bench" }[name] ?? "gemini-bench",
    port,
    use: async (kind) => {
      await input.write(new TextEncoder().encode(`${kind}\n`));
      return JSON.parse((await lines.read()).value ?? "");
    },
    stop: async () => {
      await lines.cancel();
      await input.close();
      child.kill("SIGKILL");
      await child.status;
    },
  };
};

// Client -----------------------------------------------------------------------------------------------

export interface Seen {
  readonly status: number;
  readonly firstMs: number;
  readonly texts: number;
  readonly isDone: boolean;
  /** What was told instead of an end, empty for nothing. */
  readonly error: string;
}

/** What is counted of each chunk's text. */
const mark = "some words";
const markLength = mark.length;

export const agent = new Agent({ keepAlive: true, maxSockets: 10_000 });
let users = 0;

export interface Load {
  readonly streams: number;
  readonly chunks: number;
  readonly pauseMs: number;
  readonly writes: string;
}

export interface Opened {
  readonly end: Promise<Seen>;
  readonly close: () => void;
}

/** Asks a server for a stream of the loopback provider. */
export const open = (
  server: Pick<Server, "model" | "port">,
  { chunks, pauseMs, writes }: Omit<Load, "streams">,
  user?: string,
  key?: string,
): Opened => {
  const startedMs = performance.now();
  const end = Promise.withResolvers<Seen>();
  const sent = request({
    agent,
    host: "127.0.0.1",
    port: server.port,
    path: "/v1/chat/completions",
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
  }, (response) => {
    let firstMs = 0;
    let texts = 0;
    let tail = "";
    let told = "";
    response.setEncoding("utf8");
    response.on("data", (text: string) => {
      // The rôle comes in a chunk of its own before the first text; only text counts.
      const found = (tail.slice(-markLength + 1) + text).split(mark).length - 1;
      if (found > 0 && firstMs === 0) firstMs = performance.now() - startedMs;
      texts += found;
      if (text.includes('"error"')) told = text.slice(-300);
      tail = (tail + text).slice(-20);
    });
    const seen = () => ({
      status: response.statusCode ?? 0,
      firstMs,
      texts,
      isDone: tail.endsWith("data: [DONE]\n\n"),
      error: told,
    });
    response.on("end", () => end.resolve(seen()));
    response.on("error", () => end.resolve(seen()));
  });
  sent.on("error", () => end.resolve({ status: 0, firstMs: 0, texts: 0, isDone: false, error: "no connection" }));
  sent.end(JSON.stringify({
    model: server.model,
    stream: true,
    user: user ?? `user-${users++}`,
    messages: [{ role: "user", content: `bench ${chunks} ${pauseMs} ${writes}` }],
  }));
  return { end: end.promise, close: () => sent.destroy() };
};

/** The value in the middle. */
export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Waits. */
export const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Somebody else beside a crowd. */
export interface Other {
  /** The milliseconds until the first text of so many requests, infinite where none came. */
  readonly firstTexts: (samples: number, pauseMs: number) => Promise<ReadonlyArray<number>>;
  readonly stop: () => Promise<void>;
}

/** Starts somebody else, as a process of its own: what they notice must be the server's, not that of whoever measures. */
export const startOther = async ({ port, model }: Pick<Server, "model" | "port">, key: string): Promise<Other> => {
  const child = run("bench/crowdOther.ts", [String(port), model, key]);
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  await lines.read();
  return {
    firstTexts: async (samples, pauseMs) => {
      await input.write(new TextEncoder().encode(`${samples} ${pauseMs}\n`));
      const times: ReadonlyArray<number | null> = JSON.parse((await lines.read()).value ?? "[]");
      return times.map((time) => time ?? Number.POSITIVE_INFINITY);
    },
    stop: async () => {
      await lines.cancel();
      await input.close();
      child.kill("SIGKILL");
      await child.status;
    },
  };
};

/** Starts the loopback provider. */
export const startUpstream = async () => {
  const child = run("bench/providersUpstream.ts", []);
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  return {
    url: `http://127.0.0.1:${Number((await lines.read()).value)}`,
    stop: async () => {
      await lines.cancel();
      child.kill("SIGKILL");
      await child.status;
    },
  };
};
