/** Placeholders, and where bodies of requests end. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Layer, Option, Redacted } from "effect";
import { layer } from "../../../../src/adapters/egress/Configured.ts";
import { chunkedBody } from "../../../../src/domain/httpBody.ts";
import { readOriginHead } from "../../../../src/adapters/egress/requestHead.ts";
import { makeSecrets } from "../../../../src/adapters/egress/secrets.ts";
import { Settings } from "../../../../src/config.ts";
import { parseDomainSecrets } from "../../../../src/domain/DomainSecret.ts";
import { it } from "../../../support/it.ts";

const parse = (entries: unknown) => parseDomainSecrets(JSON.stringify(entries));
const one = { domain: "api.example.com", name: "TOKEN", value: "s3cret$&" };

Deno.test("parseDomainSecrets refuses what no header, shell or rule takes", () => {
  assert.ok(Option.isSome(parse([one, { ...one, domain: "b.example.com" }])));
  const wrong: ReadonlyArray<unknown> = [
    {},
    [{ ...one, domain: "10.0.0.1" }],
    [{ ...one, domain: "*.example.com" }],
    [{ ...one, name: "A-B" }],
    [{ ...one, name: "A\nB=c" }],
    [{ ...one, value: "" }],
    [{ ...one, value: "a\r\nX: y" }],
    [one, { ...one, domain: "b.example.com", value: "another" }],
  ];
  for (const entries of wrong) assert.ok(Option.isNone(parse(entries)), JSON.stringify(entries));
});

Deno.test("makeSecrets replaces a placeholder for its own hosts only, and inside Basic", () => {
  const secrets = makeSecrets([
    { domain: "a.example", name: "A", value: Redacted.make("first$&") },
    { domain: "b.example", name: "B", value: Redacted.make("second") },
  ]);
  const { A = "", B = "" } = secrets.variables;
  assert.notEqual(A, makeSecrets([{ domain: "a.example", name: "A", value: Redacted.make("x") }]).variables["A"]);
  const change = secrets.of("a.example") ?? assert.fail();
  assert.equal(change(`Bearer ${A}, ${A}`), "Bearer first$&, first$&");
  assert.equal(change(`Bearer ${B}`), `Bearer ${B}`);
  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
  assert.equal(change(basic(`ada:${A}`)), basic("ada:first$&"));
  assert.equal(change("Basic !not base64!"), "Basic !not base64!");
  assert.equal(secrets.of("c.example"), undefined);
});

Deno.test("a body in chunks ends where it ends, however it is cut, and not where it is malformed", () => {
  const whole = Buffer.from("5;x=y\r\nhello\r\n1f\r\n0123456789012345678901234567890\r\n0\r\nT: x\r\n\r\n", "latin1");
  const after = Buffer.from("GET / HTTP/1.1");
  for (let size = 1; size <= whole.length + 3; size++) {
    const body = chunkedBody();
    let taken = 0;
    const all = Buffer.concat([whole, after]);
    for (let at = 0; at < all.length && !body.isOver(); at += size) {
      taken += body.take(all.subarray(at, at + size)) ?? NaN;
    }
    assert.equal(taken, whole.length, `in pieces of ${size}`);
  }
  for (
    const wrong of [
      "x\r\n",
      "-1\r\n",
      "5\n",
      "5\r\nhelloX\r\n",
      "0x5\r\n",
      "\r\n",
      "f".repeat(13) + "\r\n",
      "5" + ";".repeat(2_000),
    ]
  ) {
    assert.equal(chunkedBody().take(Buffer.from(wrong)), undefined, JSON.stringify(wrong));
  }
});

Deno.test("readOriginHead sends a request to the host of its tunnel only", () => {
  const read = (text: string) =>
    readOriginHead(Buffer.from(`${text}\r\n\r\n`, "latin1"), "a.example", 443, (value) => value.toUpperCase());
  const head = read("GET /x?y HTTP/1.1\r\nHost: A.Example:443\r\nX: a\r\nConnection: x-b\r\nX-B: b");
  assert.equal(
    head._tag === "Origin" && Buffer.from(head.head).toString(),
    "GET /x?y HTTP/1.1\r\nHost: a.example\r\nX: A\r\nConnection: close\r\n\r\n",
  );
  const host = "Host: a.example";
  const refused = [
    "GET /",
    "GET / HTTP/1.1",
    `GET http://a.example/ HTTP/1.1\r\n${host}`,
    `GET / HTTP/1.1\r\n${host}\r\n${host}`,
    "GET / HTTP/1.1\r\nHost: b.example",
    `GET / HTTP/1.1\r\n${host}:80`,
    `POST / HTTP/1.1\r\n${host}\r\nTransfer-Encoding: gzip, chunked`,
    `POST / HTTP/1.1\r\n${host}\r\nTransfer-Encoding: chunked\r\nContent-Length: 1`,
    `GET / HTTP/1.1\r\n${host}\r\nConnection: host`,
  ];
  for (const text of refused) assert.equal(read(text)._tag, "Refused", text);
});

it.effect("a secret for a host that may not be reached is refused at start, without its value", () =>
  Effect.gen(function* () {
    const secrets = parse([one]);
    assert.ok(Option.isSome(secrets));
    const given = Settings.layerWith({ egress: "allowlist", egressSecrets: secrets.value });
    const error = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(layer, given))));
    assert.match(error.message, /CAISSON_EGRESS_SECRETS has TOKEN for api\.example\.com, which may not be reached/);
    assert.ok(!error.message.includes(one.value));
  }));
