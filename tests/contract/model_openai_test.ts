import { Effect, Option, Redacted } from "effect";
import { FetchHttpClient } from "effect/http";
import * as OpenAiCompatible from "../../src/adapters/model/OpenAiCompatible.ts";
import { calls, chunk, failure, finish, fragment, text, turn, usage } from "../support/openaiWire.ts";
import { cut, sse, stall } from "../support/wireServer.ts";
import { modelSuite } from "./modelSuite.ts";

const hello = sse([chunk({ role: "assistant", content: "" }), text("Hello")]);

modelSuite("OpenAiCompatible", {
  provider: (url, deadlines) =>
    OpenAiCompatible.make({
      name: "openai",
      baseUrl: `${url}/v1`,
      apiKey: Option.some(Redacted.make("test-key")),
      deadlines,
    }).pipe(Effect.provide(FetchHttpClient.layer)),
  model: "gpt-test",
  text: turn(chunk({ role: "assistant", content: "" }), text("Hello"), text(" world"), finish(), usage),
  emptyDeltas: {
    body: [
      ": OPENROUTER PROCESSING\n\n",
      ...sse([chunk({ role: "assistant", content: null }), text("Hello")]),
      "data:\n\n",
      ": keep-alive\n",
      ...sse([chunk({}), chunk({ content: "", tool_calls: null }), { choices: [] }, text(" world"), finish(), usage]),
      "data: [DONE]\n\n",
    ],
  },
  reasoning: turn(chunk({ reasoning_content: "Hm" }), text("Hello world"), finish(), usage),
  twoCalls: turn(
    calls(
      fragment({ index: 0, id: "c1", name: "write_file", arguments: '{"file_path":"a.txt","content":"é"}' }),
      fragment({ index: 1, id: "c2", name: "execute_bash", arguments: '{"command":"cat a.txt"}' }),
    ),
    finish("tool_calls"),
    usage,
  ),
  splitCalls: turn(
    calls(fragment({ index: 0, id: "c1", name: "write_file", arguments: "" })),
    calls(fragment({ index: 0, arguments: '{"file_path":"a' })),
    calls(fragment({ index: 1, id: "c2", name: "execute_bash", arguments: '{"comm' })),
    calls(fragment({ index: 0, arguments: '.txt","content":"é"}' }), fragment({ index: 1, arguments: 'and":"cat' })),
    calls(fragment({ index: 1, arguments: ' a.txt"}' })),
    finish("tool_calls"),
    usage,
  ),
  outputLimit: turn(text("Hello world"), finish("length"), usage),
  unknownFinish: turn(text("Hello world"), finish("because"), usage),
  rateLimited: failure(429, { message: "Rate limit reached", code: "rate_limit_exceeded" }, { "retry-after": "2" }),
  badKey: failure(401, { message: "Incorrect API key provided", code: "invalid_api_key" }),
  tooLong: failure(400, {
    message: "This model's maximum context length is 8192 tokens.",
    code: "context_length_exceeded",
  }),
  unknownModel: failure(404, { message: "The model `gpt-test` does not exist", code: "model_not_found" }),
  unavailable: failure(503, { message: "The server is overloaded", type: "server_error" }),
  errorAfterText: {
    body: [...hello, ...sse([{ error: { message: "overloaded", type: "server_error", code: null, param: null } }])],
  },
  cutAfterText: { body: [...hello, cut] },
  truncated: { body: hello },
  garbage: { body: [...hello, "data: {not json}\n\n"] },
  stallAfterText: { body: [...hello, stall] },
});
