/**
 * Requests that no HTTP client sends: what the socket's own parser lets through must not change who asks.
 */
import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { Effect } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { attackerKey, settings, victim } from "../support/attackTarget.ts";
import { it } from "../support/it.ts";
import { served } from "../support/served.ts";

/** Sends bytes and returns everything that comes back until the server closes. */
const send = (url: string, text: string) =>
  Effect.promise(() =>
    new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(url);
      const socket = createConnection({ host: hostname, port: Number(port) });
      let answer = "";
      socket.setEncoding("utf8");
      socket.on("data", (data) => answer += data);
      socket.once("error", reject);
      socket.once("close", () => resolve(answer));
      socket.write(text);
    })
  );

const statusesIn = (answer: string) => [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));

const victims = `GET /v1/sessions/${victim.session} HTTP/1.1`;
const lines = (...headers: ReadonlyArray<string>) => [...headers, "connection: close", "", ""].join("\r\n");
const bob = `authorization: Bearer ${attackerKey}`;
const alice = `authorization: Bearer ${victim.key}`;
const host = "host: 127.0.0.1";
const user = `x-user-id: ${victim.user}`;

/** Raw requests and the statuses that are right for them; none may be answered 200. */
const requests: ReadonlyArray<readonly [string, string, ReadonlyArray<number>]> = [
  ["two credentials, the attacker's first", lines(victims, host, bob, alice, user), [400, 401, 404]],
  [
    "a folded header",
    lines(victims, host, `authorization: Bearer\r\n ${victim.key}`.replace(victim.key, attackerKey), user),
    [400, 404],
  ],
  ["a bare line feed in a header", lines(victims, host, `x-note: a\n${alice}`, bob, user), [400, 404]],
  ["a null in a header", lines(victims, host, `${bob}\u0000${victim.key}`, user), [400, 401]],
  ["a space before the colon", lines(victims, host, bob, `authorization : Bearer ${victim.key}`, user), [400, 404]],
  [
    "an absolute URL of another host",
    lines(`GET http://alice@evil.example/v1/sessions/${victim.session} HTTP/1.1`, host, bob, user),
    [400, 404],
  ],
  ["a method in lower case", lines(victims.replace("GET", "get"), host, bob, user), [400, 404, 405]],
  [
    "a length and chunks at once",
    lines(
      `POST /v1/chat/completions HTTP/1.1`,
      host,
      bob,
      "content-type: application/json",
      "content-length: 4",
      "transfer-encoding: chunked",
    ) + `0\r\n\r\n${lines(victims, host, alice, user)}`,
    [400, 401],
  ],
  [
    "two lengths",
    lines(
      `POST /v1/chat/completions HTTP/1.1`,
      host,
      bob,
      "content-type: application/json",
      "content-length: 2",
      "content-length: 200",
    ) + "{}",
    [400],
  ],
  ["no host", lines(victims, bob, user), [400, 404]],
];

it.live("a raw request is never taken for the victim's", () =>
  Effect.gen(function* () {
    const url = yield* served({ steps: [Scripted.answers("remembered")], settings });
    const told = yield* Effect.promise(() =>
      fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          authorization: `Bearer ${victim.key}`,
          "x-user-id": victim.user,
          "x-session-id": victim.session,
        },
        body: JSON.stringify({ messages: [{ role: "user", content: "a secret" }] }),
      }).then((response) => response.text().then(() => response.status))
    );
    assert.equal(told, 200);
    assert.match(yield* send(url, lines(victims, host, alice, user)), /200 OK[^]*a secret/);
    for (const [name, text, expected] of requests) {
      const answer = yield* send(url, text);
      assert.ok(!answer.includes("a secret"), name);
      for (const status of statusesIn(answer)) assert.ok(expected.includes(status), `${name}: ${answer.slice(0, 200)}`);
    }
  }));
