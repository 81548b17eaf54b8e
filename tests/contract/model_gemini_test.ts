import { Option, Redacted } from "effect";
import * as Gemini from "../../src/adapters/model/Gemini.ts";
import {
  chunk,
  errorBody,
  failure,
  finish,
  functionCall,
  retryInfo,
  text,
  thought,
  turn,
} from "../support/geminiWire.ts";
import { cut, sse, stall } from "../support/wireServer.ts";
import { modelSuite } from "./modelSuite.ts";

const calls = [
  functionCall("write_file", { file_path: "a.txt", content: "é" }, { id: "c1", thoughtSignature: "c2ln" }),
  functionCall("execute_bash", { command: "cat a.txt" }),
];

/** The same bytes in writes that fall inside a chunk and inside a character. */
const splitBytes = (pieces: ReadonlyArray<string>): ReadonlyArray<Uint8Array> => {
  const bytes = new TextEncoder().encode(pieces.join(""));
  const middle = bytes.indexOf(0xc3) + 1;
  return [bytes.slice(0, 9), bytes.slice(9, middle), bytes.slice(middle)];
};

const hello = sse([chunk(text("Hello"))], "\r\n");

modelSuite("Gemini", {
  provider: (url, deadlines) =>
    Gemini.make({
      apiKey: Redacted.make("test-key"),
      baseUrl: Option.some(url),
      apiVersion: "v1beta",
      vertex: false,
      deadlines,
    }),
  model: "gemini-flash-latest",
  text: turn(chunk(text("Hello")), chunk(text(" world")), finish()),
  emptyDeltas: turn(
    { usageMetadata: { promptTokenCount: 20 } },
    chunk(text("Hello")),
    chunk(text("")),
    chunk(),
    { candidates: [{ index: 0 }] },
    { candidates: [] },
    chunk(text(" world")),
    finish(),
  ),
  reasoning: turn(chunk(thought("Hm")), chunk(text("Hello world")), finish()),
  twoCalls: turn(chunk(...calls), finish()),
  splitCalls: { body: splitBytes(sse([...calls.map((call) => chunk(call)), finish()], "\r\n")) },
  outputLimit: turn(chunk(text("Hello world")), finish("MAX_TOKENS")),
  unknownFinish: turn(chunk(text("Hello world")), finish("BECAUSE")),
  rateLimited: failure(429, "RESOURCE_EXHAUSTED", "Resource exhausted", [retryInfo("2s")]),
  badKey: failure(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [
    { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID", domain: "googleapis.com" },
  ]),
  tooLong: failure(
    400,
    "INVALID_ARGUMENT",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
  ),
  unknownModel: failure(404, "NOT_FOUND", "models/gemini-none is not found for API version v1beta"),
  unavailable: failure(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
  errorAfterText: { body: [...hello, ...sse([errorBody(503, "UNAVAILABLE", "The model is overloaded.")], "\r\n")] },
  cutAfterText: { body: [...hello, cut] },
  truncated: { body: hello },
  garbage: { body: [...hello, "data: {not json}\r\n\r\n"] },
  stallAfterText: { body: [...hello, stall] },
});
