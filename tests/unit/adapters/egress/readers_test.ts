/** What programs send to the proxy, as it is read. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect as connectTls } from "node:tls";
import { createServer } from "node:net";
import { Effect } from "effect";
import { readHello } from "../../../../src/adapters/egress/clientHello.ts";
import { readHead } from "../../../../src/adapters/egress/requestHead.ts";
import { headEnd } from "../../../../src/domain/httpHead.ts";
import { clientHello, serverName } from "../../../contract/egressProbes.ts";
import { it } from "../../../support/it.ts";

const read = (text: string) => readHead(Buffer.from(`${text}\r\n\r\n`, "latin1"));

const plainHead = (text: string): string => {
  const head = read(text);
  assert.equal(head._tag, "Plain", JSON.stringify(head));
  return head._tag === "Plain" ? Buffer.from(head.head).toString("latin1") : "";
};

Deno.test("readHead makes the request of the origin from that of the proxy", () => {
  assert.equal(
    plainHead(
      "POST HTTP://Allowed.Example:8080/a?b=c HTTP/1.0\r\nHost: evil.example\r\nContent-Length: 5\r\nX-Kept: yes\r\n" +
        "Proxy-Authorization: Basic x\r\nConnection: keep-alive, x-gone\r\nX-Gone: no\r\nTE: trailers\r\nExpect: 100-continue",
    ),
    "POST /a?b=c HTTP/1.1\r\nHost: allowed.example:8080\r\nContent-Length: 5\r\nX-Kept: yes\r\nConnection: close\r\n\r\n",
  );
  assert.equal(
    plainHead("GET http://allowed.example?x HTTP/1.1"),
    "GET /?x HTTP/1.1\r\nHost: allowed.example\r\nConnection: close\r\n\r\n",
  );
  const head = read("PUT http://allowed.example/ HTTP/1.1\r\nContent-Length: 12");
  assert.equal(head._tag === "Plain" && head.body.take(new Uint8Array(20)), 12);
  assert.deepEqual(read("CONNECT Allowed.Example.:8443 HTTP/1.1"), {
    _tag: "Tunnel",
    host: "allowed.example",
    port: 8443,
  });
});

Deno.test("what is shown of a target that names no host has no path, no query and no password", () => {
  const host = (line: string) => {
    const head = read(`${line} HTTP/1.1`);
    assert.equal(head._tag, "Refused", line);
    return head.host;
  };
  assert.equal(host("GET http://ada:geheim@allowed.example/path?token=geheim"), "allowed.example");
  assert.equal(host("GET https://ada@allowed.example:443/path?token=geheim"), "allowed.example:443");
  assert.equal(host("CONNECT ada:geheim@allowed.example:443"), "allowed.example:443");
  assert.equal(host("CONNECT ada@allowed.example:443"), "allowed.example");
  assert.equal(host("GET http://169.254.169.254/latest"), "169.254.169.254");
  assert.equal(host("GET /geheim"), "?");
  assert.equal(host(`CONNECT ${"a".repeat(10_000)}`).length, 80);
});

Deno.test("headEnd finds the empty line wherever pieces were cut", () => {
  const bytes = Buffer.from("GET / HTTP/1.1\r\nA: b\r\n\r\nbody");
  for (let at = 0; at < bytes.length; at++) {
    assert.equal(headEnd(bytes.subarray(0, at)), at >= bytes.length - 4 ? bytes.length - 4 : undefined);
  }
});

/** The first bytes of node's own TLS client. */
const realHello = Effect.callback<Buffer>((resume) => {
  const server = createServer((socket) => {
    socket.once("data", (bytes) => {
      resume(Effect.succeed(Buffer.from(bytes)));
      socket.destroy();
      server.close();
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    connectTls({ host: "127.0.0.1", port, servername: "allowed.example" }).on("error", () => {});
  });
});

it.live("readHello waits for the whole of a real client's hello and reads its name", () =>
  Effect.gen(function* () {
    const hello = yield* realHello;
    for (let at = 0; at < hello.length; at++) assert.equal(readHello(hello.subarray(0, at))._tag, "More", `at ${at}`);
    assert.deepEqual(readHello(hello), { _tag: "Name", name: "allowed.example" });
    // Nothing that is changed in it makes the reader throw, or read another name that was not written there.
    for (let round = 0; round < 20_000; round++) {
      const changed = Buffer.from(hello);
      const at = round % hello.length;
      changed[at] = (changed[at] ?? 0) ^ (1 + round % 255);
      const result = readHello(changed);
      assert.ok(result._tag !== "Name" || changed.includes(result.name, 0, "latin1"));
    }
  }));

Deno.test("readHello reads a name over records of every size, and none of what is no single name", () => {
  for (const size of [1, 2, 3, 5, 16, 100]) {
    const name = readHello(clientHello([[10, Buffer.from([1])], serverName("a.example")], size));
    assert.deepEqual(name, { _tag: "Name", name: "a.example" });
  }
  const none = {
    "no extension": clientHello([]),
    "two names": clientHello([serverName("a.example"), serverName("a.example")]),
    "an empty name": clientHello([serverName("")]),
    "no TLS": Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    "another message": Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]),
    "a record of nothing": Buffer.from([22, 3, 1, 0, 0]),
    "more than a hello has": Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 0]),
  };
  for (const [what, bytes] of Object.entries(none)) assert.equal(readHello(bytes)._tag, "None", what);
});
