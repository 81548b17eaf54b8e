/**
 * Whole streams in the manner of each server, read through the real adapters.
 *
 * A fixture is the bytes of a response; the file beside it says what must come of them. They are
 * written after what each server is known to send, and compared as whole lists of events.
 */
import assert from "node:assert/strict";
import { Effect, Option, Redacted, Result, Stream } from "effect";
import { FetchHttpClient } from "effect/http";
import * as Anthropic from "../../src/adapters/model/Anthropic.ts";
import * as Gemini from "../../src/adapters/model/Gemini.ts";
import * as OpenAiCompatible from "../../src/adapters/model/OpenAiCompatible.ts";
import type { Provider } from "../../src/adapters/model/Provider.ts";
import { user } from "../../src/domain/Message.ts";
import type { ModelEvent } from "../../src/services/Model.ts";
import { it } from "../support/it.ts";
import { serveWire } from "../support/wireServer.ts";

const folder = new URL("../fixtures/", import.meta.url);
const deadlines = { connectMs: 20_000, firstEventMs: 20_000, silenceMs: 20_000 };
/** Ids that the adapters make differ each time. */
const madeId = /"call-[\w-]{24}"/g;
const apiKey = Redacted.make("k");

const providers: Readonly<Record<string, (url: string) => Effect.Effect<Provider>>> = {
  gemini: (url) => Gemini.make({ apiKey, baseUrl: Option.some(url), apiVersion: "v1beta", vertex: false, deadlines }),
  anthropic: (url) => Anthropic.make({ apiKey, baseUrl: Option.some(url), deadlines }),
  openai: (url) =>
    OpenAiCompatible.make({ name: "openai", baseUrl: `${url}/v1`, apiKey: Option.none(), deadlines }).pipe(
      Effect.provide(FetchHttpClient.layer),
    ),
};

for (const [name, make] of Object.entries(providers)) {
  const files = [...Deno.readDirSync(new URL(`${name}/`, folder))].map((file) => file.name);
  for (const file of files.filter((each) => each.endsWith(".sse")).sort()) {
    it.live(`the ${name} adapter gives the expected events when it reads ${file}`, () =>
      Effect.gen(function* () {
        const body = yield* Effect.promise(() => Deno.readFile(new URL(`${name}/${file}`, folder)));
        const expected = yield* Effect.promise(() =>
          Deno.readTextFile(new URL(`${name}/${file.replace(".sse", ".json")}`, folder))
        );
        const server = yield* serveWire(() => ({ body: [body] }));
        const provider = yield* make(server.url);
        const seen: Array<ModelEvent | { readonly failure: unknown }> = [];
        const ended = yield* provider.stream({
          model: "m",
          system: "",
          messages: [user("hi")],
          tools: [],
          parameters: {},
        }).pipe(Stream.runForEach((event) => Effect.sync(() => void seen.push(event))), Effect.result);
        if (Result.isFailure(ended)) {
          seen.push({
            failure: ended.failure._tag === "ModelError" ? { ...ended.failure.reason } : ended.failure._tag,
          });
        }
        const told = JSON.stringify(seen).replaceAll(madeId, '"made"');
        assert.deepEqual(JSON.parse(told), JSON.parse(expected));
      }));
  }
}
