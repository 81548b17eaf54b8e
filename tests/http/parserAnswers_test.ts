/**
 * What the parser of HTTP refuses is answered at both doors as everything else is that goes wrong there.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { agentDoor, mcpDoor } from "../support/doors.ts";
import { it } from "../support/it.ts";
import { answerIn, sendRaw } from "../support/rawHttp.ts";

const host = "Host: 127.0.0.1\r\n";
const doors = { "/v1/chat/completions": agentDoor, "/mcp": mcpDoor };

/** What is sent, by what is wrong with it, and how it is answered. */
const refused = (path: string): Readonly<Record<string, readonly [text: string, status: number, code: string]>> => ({
  "no HTTP": ["hello\r\n\r\n", 400, "malformed_request"],
  "TLS": ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed_request"],
  "a header without a colon": [`GET ${path} HTTP/1.1\r\n${host}x y\r\n\r\n`, 400, "malformed_request"],
  "a version that is none": [`GET ${path} HTTP/9.9\r\n${host}\r\n`, 400, "malformed_request"],
  "two lengths": [
    `POST ${path} HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    400,
    "malformed_request",
  ],
  "a length and chunks": [
    `POST ${path} HTTP/1.1\r\n${host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    "malformed_request",
  ],
  "a chunk that is none": [
    `POST ${path} HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    400,
    "malformed_request",
  ],
  "a large header": [`GET ${path} HTTP/1.1\r\n${host}X: ${"x".repeat(20_000)}\r\n\r\n`, 431, "headers_too_large"],
  "a header beyond all measure": [
    `GET ${path} HTTP/1.1\r\n${host}X: ${"x".repeat(3_000_000)}\r\n\r\n`,
    431,
    "headers_too_large",
  ],
  "many headers": [
    `GET ${path} HTTP/1.1\r\n${host}${"X-Some: thing\r\n".repeat(3_000)}\r\n`,
    431,
    "headers_too_large",
  ],
  "an address beyond all measure": [`GET /${"a".repeat(100_000)} HTTP/1.1\r\n${host}\r\n`, 431, "headers_too_large"],
  "an expectation": [
    `POST ${path} HTTP/1.1\r\n${host}Expect: wonders\r\nContent-Length: 1\r\n\r\na`,
    417,
    "expectation_failed",
  ],
});

for (const [path, open] of Object.entries(doors)) {
  it.live(`the door of ${path} answers what is no request with its own form of an error, and closes`, () =>
    Effect.gen(function* () {
      const base = yield* open({});
      for (const [what, [text, status, code]] of Object.entries(refused(path))) {
        const answer = answerIn(yield* Effect.promise(() => sendRaw(base, text)));
        assert.equal(answer.status, status, what);
        assert.equal(answer.headers.get("connection"), "close", what);
        assert.equal(answer.headers.get("content-type"), "application/json", what);
        assert.match(answer.headers.get("x-request-id") ?? "", /^req-/, what);
        assert.equal(Number(answer.headers.get("content-length")), answer.body.length, what);
        const { error, ...rest } = JSON.parse(answer.body);
        if (path === "/mcp") {
          assert.deepEqual([rest, typeof error.code], [{ jsonrpc: "2.0", id: null }, "number"], what);
        } else assert.deepEqual([error.type, error.param, error.code], ["invalid_request_error", null, code], what);
        assert.ok(error.message.length > 20, what);
      }
    }));
}
