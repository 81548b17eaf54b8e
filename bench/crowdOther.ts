/**
 * Somebody else beside a crowd, in a process that does nothing else: `PORT MODEL KEY`.
 *
 * Of a line `SAMPLES PAUSE_MS` on stdin it asks so many times, so far apart, and prints the milliseconds until each
 * first text as JSON, null where none came.
 */
import { open, rest } from "./providersClient.ts";

const [port = "", model = "", key = ""] = Deno.args;
const server = { port: Number(port), model };
const oneText = { chunks: 1, pauseMs: 0, writes: "own" };

console.log("ready");
for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const [samples = 0, pauseMs = 0] = line.trim().split(" ").map(Number);
  const times: Array<number | null> = [];
  for (let index = 0; index < samples; index++) {
    const seen = await open(server, oneText, undefined, key).end;
    times.push(seen.isDone && seen.texts === 1 ? seen.firstMs : null);
    await rest(pauseMs);
  }
  console.log(JSON.stringify(times));
}
