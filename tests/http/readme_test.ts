/**
 * What the README shows of requests and answers, asked of the application.
 */
import assert from "node:assert/strict";
import { Effect, Schema } from "effect";
import * as Offline from "../../src/adapters/model/Offline.ts";
import { withApp } from "../support/app.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { served } from "../support/served.ts";
import { contentOf, readStream } from "../support/sse.ts";

const readRoot = (path: string): string => Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));

const readme = readRoot("README.md");

/** The first group of a pattern that the README must match. */
const shown = (pattern: RegExp): string => {
  const found = pattern.exec(readme)?.[1];
  assert.ok(found !== undefined, `README.md has nothing like ${pattern}`);
  return found;
};

/** Markdown shows any number of blank lines as one. */
const withoutExtraLines = (markdown: string): string => markdown.replace(/\n{3,}/g, "\n\n").trim();

const decodeTypescript = Schema.decodeUnknownSync(Schema.Struct({ said: Schema.String }));

Deno.test("README's first request is answered as the README shows", () =>
  withApp({ model: Offline.layer, sandbox: fakeSandbox(() => Effect.succeed(outcome("42\n"))) }, async (app) => {
    const response = await app.chat(shown(/-d '(\{.*\})'/));
    const content = contentOf(readStream(await response.text()));
    assert.equal(withoutExtraLines(content), shown(/````text\n([\s\S]*?)\n````/));
  }));

it.live("README's TypeScript client gets the answer to its question", () =>
  Effect.gen(function* () {
    const base = yield* served({ model: Offline.layer });
    const program = shown(/```ts ignore\n(import OpenAI[\s\S]*?)```/)
      .replace("http://127.0.0.1:8000", base)
      .replace(`"openai"`, `"npm:openai@7.57.0"`)
      .replace(/console\.log\((.*)\);/, "export const said = $1;");
    const module: unknown = yield* Effect.promise(() => import(`data:text/typescript,${encodeURIComponent(program)}`));
    assert.match(decodeTypescript(module).said, /no file|not/i);
  }));

it.live("README's library program runs with its file and ends with the model's answer", () =>
  Effect.gen(function* () {
    const program = shown(/## As a library[\s\S]*?```ts\n([\s\S]*?)```/)
      // Its own user's workspace would stay behind.
      .replace("ephemeral: false", "ephemeral: true") +
      `const events = await Effect.runPromise(program);
       export const said = events.map((event) => event._tag === "TextDelta" ? event.text : "").join("");`;
    const module: unknown = yield* Effect.promise(() => import(`data:text/typescript,${encodeURIComponent(program)}`));
    assert.equal(decodeTypescript(module).said, "Hello, Ada.");
  }));

Deno.test("README's deno.json for other projects names the versions that this one has", () => {
  const text = Schema.Record(Schema.String, Schema.String);
  const own = Schema.decodeUnknownSync(
    Schema.fromJsonString(Schema.Struct({ name: Schema.String, version: Schema.String, imports: text })),
  )(readRoot("deno.json"));
  const example = Schema.decodeUnknownSync(
    Schema.fromJsonString(
      Schema.Struct({ imports: text, compilerOptions: Schema.Struct({ types: Schema.Array(Schema.String) }) }),
    ),
  )(shown(/```json\n(\{\n {2}"links"[\s\S]*?)```/));
  assert.deepEqual(example.imports, {
    [own.name]: `jsr:${own.name}@${own.version}`,
    effect: own.imports["effect"],
  });
  assert.deepEqual(example.compilerOptions.types, [own.imports["@types/node"]]);
});
