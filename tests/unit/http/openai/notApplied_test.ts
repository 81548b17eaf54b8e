/**
 * What a request leaves out is told in a header: only names that one can carry, each once, and not without end.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { notAppliedHeaders, noted, notTaken } from "../../../../src/http/openai/notApplied.ts";
import { leftOut } from "../../../../src/http/openai/responses/notApplied.ts";
import { it } from "../../../support/it.ts";

it.effect("names that no header can carry are not told, others once, and at most 24", () =>
  Effect.gen(function* () {
    const hostile = ["a\r\nset-cookie: x", "b, c", "x".repeat(97), "ü", ""];
    assert.deepEqual(yield* noted([...hostile, "tools[shell].x", "tools[shell].x"]), ["tools[shell].x"]);
    assert.equal((yield* noted(Array.from({ length: 99 }, (_, index) => `field_${index}`))).length, 24);
    assert.deepEqual(notAppliedHeaders([]), {});
  }));

it.effect("a parameter is named where the model's provider does not take it, and no model is looked up for none", () =>
  Effect.gen(function* () {
    const info = { id: "m", provider: "p", vision: false };
    const given = [{ name: "temperature", as: "temperature" }, { name: "top_p", as: "topP" }] as const;
    assert.deepEqual(yield* notTaken(given, Effect.succeed({ ...info, takes: new Set(["topP"] as const) })), [
      "temperature",
    ]);
    assert.deepEqual(yield* notTaken(given, Effect.succeed(info)), []);
    assert.deepEqual(yield* notTaken([], Effect.die("looked up")), []);
  }));

Deno.test("what Codex sends besides is a hint or named by its place", () =>
  assert.deepEqual(
    leftOut({
      client_metadata: { installation: "a" },
      prompt_cache_key: "thread",
      include: ["reasoning.encrypted_content"],
      reasoning: { summary: "auto" },
      tools: [{ type: "web_search", external_web_access: false }, { type: "function", name: "exec", strict: false }],
      input: [
        {
          type: "message",
          role: "assistant",
          id: "msg_1",
          phase: "commentary",
          content: [{ type: "output_text", text: "" }],
        },
        {
          type: "function_call_output",
          call_id: "c",
          output: [
            { type: "input_image", image_url: "data:,", detail: "high" },
            { type: "encrypted_content", encrypted_content: "x" },
          ],
        },
      ],
    }),
    [
      "tools[web_search]",
      "input[function_call_output].output[input_image].detail",
      "input[function_call_output].output[encrypted_content]",
    ],
  ));
