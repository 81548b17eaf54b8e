import { Option, Redacted } from "effect";
import * as Anthropic from "../../src/adapters/model/Anthropic.ts";
import { errorBody, failure, named, start, stop, text, thinking, toolUse, turn } from "../support/anthropicWire.ts";
import { cut, stall } from "../support/wireServer.ts";
import { modelSuite } from "./modelSuite.ts";

const hello = named([start, ...text(0, "Hello").slice(0, 2)]);

modelSuite("Anthropic", {
  provider: (url, deadlines) =>
    Anthropic.make({ apiKey: Redacted.make("test-key"), baseUrl: Option.some(url), deadlines }),
  model: "claude-test",
  text: turn(...text(0, "Hello", " world"), ...stop()),
  emptyDeltas: turn(
    { type: "ping" },
    ...text(0, "", "Hello", ""),
    { type: "ping" },
    ...text(1),
    { type: "something_new" },
    ...text(2, " world"),
    ...stop(),
  ),
  reasoning: turn(...thinking(0, "sig", "H", "m"), ...text(1, "Hello world"), ...stop()),
  twoCalls: turn(
    ...toolUse(0, "toolu_1", "write_file", '{"file_path":"a.txt","content":"é"}'),
    ...toolUse(1, "toolu_2", "execute_bash", '{"command":"cat a.txt"}'),
    ...stop("tool_use"),
  ),
  splitCalls: turn(
    ...toolUse(0, "toolu_1", "write_file", "", '{"file_path":"a', '.txt","content":"é', '"}'),
    ...toolUse(1, "toolu_2", "execute_bash", '{"comm', 'and":"cat a.txt"}'),
    ...stop("tool_use"),
  ),
  outputLimit: turn(...text(0, "Hello world"), ...stop("max_tokens")),
  unknownFinish: turn(...text(0, "Hello world"), ...stop("because")),
  rateLimited: failure(429, "rate_limit_error", "Number of requests has exceeded your limit", { "retry-after": "2" }),
  badKey: failure(401, "authentication_error", "invalid x-api-key"),
  tooLong: failure(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
  unknownModel: failure(404, "not_found_error", "model: claude-test"),
  unavailable: failure(503, "api_error", "Internal server error"),
  errorAfterText: { body: [...hello, ...named([errorBody("overloaded_error", "Overloaded")])] },
  cutAfterText: { body: [...hello, cut] },
  truncated: { body: hello },
  garbage: { body: [...hello, "event: content_block_delta\ndata: {not json}\n\n"] },
  stallAfterText: { body: [...hello, stall] },
});
