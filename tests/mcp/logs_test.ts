import assert from "node:assert/strict";
import { Effect, Logger, References } from "effect";
import { it } from "../support/it.ts";
import { connectClient, keyed, makeServer } from "./support/server.ts";

type Line = Readonly<Record<string, unknown>>;

/** A logger that keeps the lines of requests, which come when the last byte was sent. */
const recording = () => {
  const lines: Array<Line> = [];
  const waiting: Array<() => void> = [];
  const logger = Logger.make<unknown, void>(({ message, fiber }) => {
    if (String(message) !== "request") return;
    lines.push(fiber.getRef(References.CurrentLogAnnotations));
    for (const look of waiting) look();
  });
  const lineWith = (isWanted: (line: Line) => boolean) =>
    Effect.promise(() => {
      const { promise, resolve } = Promise.withResolvers<Line>();
      const look = () => {
        const found = lines.find(isWanted);
        if (found !== undefined) resolve(found);
      };
      waiting.push(look);
      look();
      return promise;
    });
  return { lines, logger, lineWith };
};

it.live("a call ends with one line that says who, what, how long and its outcome, and no word of anybody", () =>
  Effect.gen(function* () {
    const { lines, logger, lineWith } = recording();
    const server = yield* makeServer({ identity: keyed, logger });
    const headers = { authorization: "Bearer key-a", "x-user-id": "ada", "x-request-id": "mine-1" };
    const { client } = yield* connectClient(server, headers);
    yield* Effect.promise(() => client.callTool({ name: "execute_bash", arguments: { command: "echo secret" } }));
    const { duration_ms: durationMs, ...rest } = yield* lineWith(({ tool }) => tool !== undefined);
    assert.equal(typeof durationMs, "number");
    assert.deepEqual(rest, {
      request_id: "mine-1",
      method: "POST",
      path: "/mcp",
      status: 200,
      user: "key-a/ada",
      mcp_method: "tools/call",
      tool: "execute_bash",
      outcome: "sent",
    });
    assert.ok(!JSON.stringify(lines).includes("secret"));
  }));

it.live("a refused request is told by the name of its error, under an id that the answer has too", () =>
  Effect.gen(function* () {
    const { logger, lineWith } = recording();
    const server = yield* makeServer({ identity: keyed, logger });
    const response = yield* Effect.promise(async () => {
      const answer = await server.fetch("/mcp", { method: "POST", body: "{}" });
      await answer.text();
      return answer;
    });
    assert.equal(response.status, 401);
    const line = yield* lineWith(() => true);
    assert.equal(line["error"], "Unauthorized");
    assert.equal(line["request_id"], response.headers.get("x-request-id"));
  }));

it.live("names that clients invent are not repeated where they are no names", () =>
  Effect.gen(function* () {
    const { logger, lineWith } = recording();
    const server = yield* makeServer({ identity: keyed, logger });
    const { client } = yield* connectClient(server, { authorization: "Bearer key-a" });
    const invented = { name: "a\nforged line", arguments: {} };
    yield* Effect.promise(() => client.callTool(invented).catch(() => undefined));
    const line = yield* lineWith((each) => each["mcp_method"] === "tools/call");
    assert.ok(!("tool" in line));
  }));
