/** The heads of requests to previews and of their answers, as they come and as they go on. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readVisit } from "../../../../src/http/preview/requestHead.ts";
import { answerHeadEnd, readAnswer } from "../../../../src/http/preview/responseHead.ts";

const bytes = (lines: ReadonlyArray<string>) => Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
const bodyBytesMax = 1_000;

const visit = (...lines: ReadonlyArray<string>) => readVisit(bytes(lines), "localhost", bodyBytesMax);
const sent = (...lines: ReadonlyArray<string>) => {
  const read = visit(...lines);
  assert.ok(read._tag === "Request", JSON.stringify(read));
  return { ...read, lines: Buffer.from(read.headFor(8000)).toString("latin1").slice(0, -4).split("\r\n") };
};
const get = "GET /a?b=c HTTP/1.1";
const host = "Host: Label.localhost:8001";

Deno.test("a program is asked by its own address and never sees a credential of this server", () => {
  const { label, lines } = sent(
    get,
    host,
    "Cookie: theirs=1; caisson_sign_in=secret; other=2",
    "Cookie: caisson_sign_in=alone",
    "Authorization: Bearer sk-ours",
    "X-OpenWebUI-User-Jwt: ey",
    "X-User-Id: ada",
    "X-Forwarded-For: 10.0.0.1",
    "X-Forwarded-Host: x",
    "Forwarded: for=1",
    "Connection: keep-alive, X-Hop",
    "X-Hop: 1",
    "Keep-Alive: 5",
    "TE: trailers",
    "Upgrade: h2c",
    "Accept: */*",
    "Origin: http://label.localhost:8001",
  );
  assert.equal(label, "label");
  assert.deepEqual(lines, [
    get,
    "Host: localhost:8000",
    "Cookie: theirs=1; other=2",
    "Accept: */*",
    "Origin: http://localhost:8000",
    "Connection: close",
  ]);
  assert.ok(sent(get, host, "Origin: https://elsewhere.example").lines.includes("Origin: https://elsewhere.example"));
});

Deno.test("only a request to speak WebSocket is passed on as an upgrade", () => {
  const asks = ["Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key: k"];
  const { isUpgrade, lines } = sent("GET / HTTP/1.1", host, ...asks);
  assert.equal(isUpgrade, true);
  assert.deepEqual(lines, [
    "GET / HTTP/1.1",
    "Host: localhost:8000",
    "Sec-WebSocket-Key: k",
    "Upgrade: websocket",
    "Connection: Upgrade",
  ]);
  for (
    const none of [
      sent("POST / HTTP/1.1", host, ...asks),
      sent("GET / HTTP/1.0", host, ...asks),
      sent("GET / HTTP/1.1", host, "Connection: Upgrade", "Upgrade: h2c"),
      sent("GET / HTTP/1.1", host, "Upgrade: websocket"),
      sent("GET / HTTP/1.1", host, ...asks, "Content-Length: 5"),
    ]
  ) {
    assert.equal(none.isUpgrade, false);
    assert.ok(!none.lines.some((line) => /^upgrade/i.test(line)));
  }
});

Deno.test("what two readers could understand differently, and other hosts, are refused", () => {
  const refusals: ReadonlyArray<readonly [number, ReadonlyArray<string>]> = [
    [400, ["GET http://label.localhost/ HTTP/1.1", host]],
    [400, ["CONNECT label.localhost:80 HTTP/1.1", host]],
    [400, ["GET / HTTP/1.1"]],
    [400, ["GET / HTTP/1.1", host, host]],
    [400, ["GET / HTTP/2.0", host]],
    [400, ["get / HTTP/1.1", host]],
    [400, ["GET / HTTP/1.1", host, " folded: 1"]],
    [400, ["GET / HTTP/1.1", host, "a\x00b: 1"]],
    [400, ["GET / HTTP/1.1", host, "a: 1\nb: 2"]],
    [400, ["POST / HTTP/1.1", host, "Content-Length: 1", "Transfer-Encoding: chunked"]],
    [400, ["POST / HTTP/1.1", host, "Content-Length: 1", "Content-Length: 1"]],
    [400, ["POST / HTTP/1.1", host, "Content-Length: +1"]],
    [400, ["POST / HTTP/1.1", host, "Transfer-Encoding: gzip, chunked"]],
    [400, ["POST / HTTP/1.1", host, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]],
    [400, ["POST / HTTP/1.0", host, "Transfer-Encoding: chunked"]],
    [400, ["POST / HTTP/1.1", host, "Connection: content-length", "Content-Length: 1"]],
    [400, ["GET / HTTP/1.1", host, "Connection: host"]],
    [413, ["POST / HTTP/1.1", host, "Content-Length: 1001"]],
    [421, ["GET / HTTP/1.1", "Host: localhost:8001"]],
    [421, ["GET / HTTP/1.1", "Host: a.label.localhost"]],
    [421, ["GET / HTTP/1.1", "Host: label.localhost.evil.example"]],
    [421, ["GET / HTTP/1.1", "Host: 127.0.0.1:8001"]],
    [421, ["GET / HTTP/1.1", "Host: label.localhost:8001:1"]],
  ];
  for (const [status, lines] of refusals) {
    const read = visit(...lines);
    assert.equal(read._tag === "Refused" ? read.status : 200, status, lines.join(" | "));
  }
});

const asked = { method: "GET", isUpgrade: false, port: 8000, origin: "http://label.localhost:8001" };
const answered = (lines: ReadonlyArray<string>, more: Partial<typeof asked> = {}) =>
  readAnswer(bytes(lines), { ...asked, ...more });
const told = (lines: ReadonlyArray<string>, more: Partial<typeof asked> = {}) => {
  const read = answered(lines, more);
  assert.ok(read !== undefined && read._tag !== "Interim");
  return Buffer.from(read.head).toString("latin1").slice(0, -4).split("\r\n");
};
const ours = ["Cache-Control: no-store", "Referrer-Policy: no-referrer", "X-Content-Type-Options: nosniff"];

Deno.test("an answer loses what reaches beyond the preview, and is not to be stored", () => {
  assert.deepEqual(
    told([
      "HTTP/1.0 200 OK",
      "Server: SimpleHTTP/0.6",
      "Content-Length: 5",
      'Clear-Site-Data: "*"',
      "Strict-Transport-Security: max-age=1",
      "Service-Worker-Allowed: /",
      'Alt-Svc: h3=":1"',
      "Cache-Control: max-age=600",
      "X-Content-Type-Options: no",
      "Referrer-Policy: unsafe-url",
      "Connection: keep-alive, X-Hop",
      "X-Hop: 1",
      "Set-Cookie: a=b; Path=/; Domain=localhost; HttpOnly",
      "Location: http://localhost:8000/next?x=1",
      "Content-Security-Policy: default-src 'self'",
    ]),
    [
      "HTTP/1.1 200 OK",
      "Server: SimpleHTTP/0.6",
      "Set-Cookie: a=b; Path=/; HttpOnly",
      "Location: http://label.localhost:8001/next?x=1",
      "Content-Security-Policy: default-src 'self'",
      "Content-Length: 5",
      ...ours,
      "Connection: close",
    ],
  );
  assert.ok(told(["HTTP/1.1 302 Found", "Location: /next"]).includes("Location: /next"));
  assert.ok(
    told(["HTTP/1.1 302 Found", "Location: http://localhost:80001/"]).includes("Location: http://localhost:80001/"),
  );
});

Deno.test("the end of an answer is told in one way only", () => {
  const framing = (lines: ReadonlyArray<string>, method = "GET") => {
    const read = answered(lines, { method });
    if (read === undefined) return "no HTTP";
    assert.ok(read._tag === "Final");
    return read.body === undefined ? "until the end" : read.body.isOver() ? "none" : "framed";
  };
  assert.equal(framing(["HTTP/1.1 200 OK"]), "until the end");
  assert.equal(framing(["HTTP/1.1 200 OK", "Content-Length: 3"]), "framed");
  assert.equal(framing(["HTTP/1.1 200 OK", "Transfer-Encoding: Chunked"]), "framed");
  assert.equal(framing(["HTTP/1.1 200 OK", "Content-Length: 3"], "HEAD"), "none");
  assert.equal(framing(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], "HEAD"), "none");
  assert.equal(framing(["HTTP/1.1 204 No Content"]), "none");
  assert.equal(framing(["HTTP/1.1 304 Not Modified", "Content-Length: 9"]), "none");
  for (
    const wrong of [
      ["HTTP/1.1 200 OK", "Content-Length: 3", "Transfer-Encoding: chunked"],
      ["HTTP/1.1 200 OK", "Content-Length: 3", "Content-Length: 3"],
      ["HTTP/1.1 200 OK", "Transfer-Encoding: gzip"],
      ["HTTP/1.1 200 OK", "Connection: content-length", "Content-Length: 3"],
      ["HTTP/1.1 999 OK"],
      ["HTTP/2 200 OK"],
      ["SSH-2.0-OpenSSH"],
      ["HTTP/1.1 200 OK", "no header"],
      ["HTTP/1.1 101 Switching Protocols"],
    ]
  ) assert.equal(framing(wrong), "no HTTP", wrong.join(" | "));
});

Deno.test("an upgrade is answered as one, heads of programs may end lines with LF alone", () => {
  assert.deepEqual(
    told(["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "Sec-WebSocket-Accept: a"], { isUpgrade: true }),
    ["HTTP/1.1 101 Switching Protocols", "Sec-WebSocket-Accept: a", "Upgrade: websocket", "Connection: Upgrade"],
  );
  assert.equal(answered(["HTTP/1.1 103 Early Hints", "Link: </a>"])?._tag, "Interim");
  const plain = Buffer.from("HTTP/1.0 200 OK\nA: b\n\nbody", "latin1");
  const end = answerHeadEnd(plain);
  assert.equal(end, plain.length - 4);
  assert.equal(readAnswer(plain.subarray(0, end), asked)?._tag, "Final");
});
