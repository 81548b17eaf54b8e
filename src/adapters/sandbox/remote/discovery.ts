/**
 * Whether the tool server is one of ours, which answers private requests, or a foreign one with tools only.
 */
import { Cache, Duration, Effect, Exit, Option, Schema } from "effect";
import { HttpClientRequest } from "effect/http";
import type { Owner } from "../../../domain/Owner.ts";
import type { SandboxError } from "../../../services/Sandbox.ts";
import { SandboxDeclaration, sandboxProtocol } from "../../../services/sandboxProtocol.ts";
import { askingOwner, callerHeaders } from "../../../services/toolServerCaller.ts";
import { type Exchange, unavailable } from "./exchange.ts";

/** What a tool server offers this process. */
export type Offer =
  | { readonly _tag: "Requests"; readonly hasPorts: boolean }
  /** It speaks MCP, and nothing of ours beside it. */
  | { readonly _tag: "ToolsOnly" };

/** How long an answer is believed: a server is seldom replaced by one of another kind. */
const believed = Duration.minutes(5);
/** Wait for the answer. */
const answerMax = Duration.seconds(10);
/** From here on a status says that the server is in trouble, not what it is. */
const serverErrorStatus = 500;

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(SandboxDeclaration));

const toolsOnly: Offer = { _tag: "ToolsOnly" };

const ask = Effect.fnUntraced(function* (
  { client, mcpUrl, key }: Exchange,
  owner: Owner,
): Effect.fn.Return<Offer, SandboxError> {
  const request = HttpClientRequest.get(new URL(sandboxProtocol.path, mcpUrl)).pipe(
    HttpClientRequest.setHeaders(callerHeaders(askingOwner(owner), key)),
  );
  const { status, text } = yield* client.execute(request).pipe(
    Effect.flatMap((response) => Effect.map(response.text, (text) => ({ status: response.status, text }))),
    Effect.timeout(answerMax),
    Effect.mapError((error) => unavailable("the tool server cannot be reached", error)),
  );
  if (status >= serverErrorStatus || status === 401 || status === 403 || status === 429) {
    return yield* unavailable(`the tool server answered status ${status} when asked what it offers`);
  }
  const declared = status === 200 ? decode(text) : Option.none();
  if (Option.isNone(declared)) {
    yield* Effect.logWarning(`the tool server offers no ${sandboxProtocol.name} requests: its tools alone are used`);
    return toolsOnly;
  }
  const { versions, methods } = declared.value;
  const hasPorts = methods.includes("dial");
  return versions.includes(sandboxProtocol.version) ? { _tag: "Requests", hasPorts } : yield* unavailable(
    `the tool server speaks versions ${versions.join(", ")} of ${sandboxProtocol.name}, this process ` +
      `${sandboxProtocol.version}: run the same release in both`,
  );
});

/** Makes the question, which is asked once for everybody and again when the answer is old; a failure is not kept. */
export const makeDiscovery = (exchange: Exchange) =>
  Effect.map(
    Cache.makeWith((_server: string) => ask(exchange, asker), {
      capacity: 1,
      timeToLive: (exit) => Exit.isSuccess(exit) ? believed : Duration.zero,
    }),
    (offers) => Cache.get(offers, exchange.mcpUrl),
  );

/** In whose name the server is asked; no owner's name looks like it. */
const asker: Owner = { principal: "caisson", user: "discovery", ephemeral: false };
