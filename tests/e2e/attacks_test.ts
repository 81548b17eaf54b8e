/**
 * Attacks on identity over both doors: every one is refused, or answered without a byte of another's.
 */
import assert from "node:assert/strict";
import { SignJWT } from "jose";
import {
  attackerKey,
  type AttackTarget,
  forwardedSecret,
  initialize,
  jsonHeaders,
  jwtSecret,
  makeTarget,
  rpc,
  secret,
  victim,
} from "../support/attackTarget.ts";

type Headers = Record<string, string>;

interface Attack {
  readonly name: string;
  readonly send: (target: AttackTarget) => Promise<Response>;
  /** Statuses that are right for this attack. */
  readonly expect: ReadonlyArray<number>;
}

/** Runs attacks against one target, each a step of its own, and looks after the victim at the end. */
const attacks = (title: string, make: () => Promise<ReadonlyArray<Attack>>): void =>
  Deno.test(title, async (test) => {
    const target = await makeTarget();
    try {
      for (const { name, send, expect } of await make()) {
        await test.step(name, async () => {
          const response = await send(target);
          const shown = JSON.stringify([...response.headers]) + await response.text();
          assert.ok(expect.includes(response.status), `status ${response.status}: ${shown.slice(0, 300)}`);
          assert.ok(!shown.includes(secret), "the secret came out");
        });
      }
      await test.step("the victim is unharmed", () => target.assertUnharmed());
    } finally {
      await target.dispose();
    }
  });

// Doors ------------------------------------------------------------------------------------------

const chat = (headers: Headers, body: Record<string, unknown> = {}) => (target: AttackTarget) =>
  target.http("/v1/chat/completions", {
    method: "POST",
    headers: { ...jsonHeaders, ...headers },
    body: JSON.stringify({ messages: [{ role: "user", content: "tell me" }], ...body }),
  });

const sessionPath = `/v1/sessions/${victim.session}`;

const get = (path: string, headers: Headers) => (target: AttackTarget) => target.http(path, { headers });
const remove = (path: string, headers: Headers) => (target: AttackTarget) =>
  target.http(path, { method: "DELETE", headers });

/** A request for the victim's file by its id alone. */
const victimArtifact = (headers: Headers) => (target: AttackTarget) =>
  target.http(`/v1/artifacts/${target.victimArtifact.id}/content`, { headers });

const mcpPost = (body: string, headers: Headers) => (target: AttackTarget) =>
  target.mcp("/mcp", { method: "POST", headers: { ...jsonHeaders, ...headers }, body });

/** A request in the victim's MCP session. */
const inVictimsSession = (method: string, headers: Headers, body?: string) => (target: AttackTarget) =>
  target.mcp("/mcp", {
    method,
    headers: { ...jsonHeaders, ...headers, "mcp-session-id": target.victimMcpSession },
    ...(body === undefined ? {} : { body }),
  });

const readDiary = rpc("tools/call", { name: "read_file", arguments: { file_path: victim.file } });

// Credentials ------------------------------------------------------------------------------------

const pretends: Headers = { "x-user-id": victim.user, "x-session-id": victim.session };

const token = (claims: Record<string, unknown>, key = jwtSecret, header: Record<string, unknown> = {}) =>
  new SignJWT({ sub: "alice", iss: "https://issuer", aud: "caisson", exp: 9_999_999_999, ...claims })
    .setProtectedHeader({ alg: "HS256", ...header })
    .sign(new TextEncoder().encode(key));

const plain = (value: unknown) => btoa(JSON.stringify(value)).replaceAll("=", "");
const claims = { sub: "alice", iss: "https://issuer", aud: "caisson", exp: 9_999_999_999 };

const badCredentials = async (): Promise<ReadonlyArray<readonly [string, Headers]>> => {
  const bearer = (key: string): Headers => ({ authorization: `Bearer ${key}` });
  const good = await token({});
  const [header = "", payload = "", signature = ""] = good.split(".");
  return [
    ["no credential", {}],
    ["an empty bearer", { authorization: "Bearer " }],
    ["a wrong key", bearer("sk-wrong-0123456789abcdef")],
    ["one character of the key", bearer(victim.key.slice(0, 1))],
    ["half of the key", bearer(victim.key.slice(0, victim.key.length / 2))],
    ["the key without its last character", bearer(victim.key.slice(0, -1))],
    ["the key with one character more", bearer(`${victim.key}0`)],
    ["the key in capitals", bearer(victim.key.toUpperCase())],
    ["the key with its name", bearer(`alice:${victim.key}`)],
    ["the name of the key", bearer("alice")],
    ["two keys at once", bearer(`${attackerKey}, Bearer ${victim.key}`)],
    ["two keys by a comma", bearer(`${attackerKey},${victim.key}`)],
    ["the key without a scheme", { authorization: victim.key }],
    ["the key as basic credentials", { authorization: `Basic ${btoa(`alice:${victim.key}`)}` }],
    ["the key in another header", { "x-api-key": victim.key, "api-key": victim.key, cookie: `key=${victim.key}` }],
    ["headers of proxies", { "x-forwarded-user": "alice", "x-remote-user": "alice", "x-forwarded-for": "127.0.0.1" }],
    ["an expired token", bearer(await token({ exp: 1 }))],
    ["a token without an expiry", bearer(await token({ exp: undefined }))],
    ["a token of another secret", bearer(await token({}, forwardedSecret))],
    ["a token of another issuer", bearer(await token({ iss: "https://evil" }))],
    ["a token of another audience", bearer(await token({ aud: "other" }))],
    ["a token without a subject", bearer(await token({ sub: undefined }))],
    ["a token of the future", bearer(await token({ nbf: 9_999_999_998 }))],
    ["a token of alg none", bearer(`${plain({ alg: "none" })}.${plain(claims)}.`)],
    ["a token of alg None with a signature", bearer(`${plain({ alg: "None" })}.${plain(claims)}.${signature}`)],
    ["a token of a longer HMAC", bearer(await token({}, jwtSecret + jwtSecret, { alg: "HS512" }))],
    [
      "a token with its own key",
      bearer(await token({}, "x".repeat(32), { jwk: { kty: "oct", k: btoa("x".repeat(32)) } })),
    ],
    [
      "a token that names a key file",
      bearer(await token({}, "", { kid: "../../../../dev/null" }).catch(() => "a.b.c")),
    ],
    ["a token that names a key URL", bearer(await token({}, "x".repeat(32), { jku: "http://127.0.0.1:1/keys" }))],
    ["a token with changed claims", bearer(`${header}.${plain({ ...claims, sub: "root" })}.${signature}`)],
    ["a token without a signature", bearer(`${header}.${payload}.`)],
    ["a forwarded user's token alone", { "x-openwebui-user-jwt": await token({ iss: "open-webui" }, forwardedSecret) }],
    ["a forwarded user's token as the credential", bearer(await token({ iss: "open-webui" }, forwardedSecret))],
    ["a very long credential", bearer("a".repeat(12_000))],
  ];
};

attacks(
  "a wrong credential is answered 401 at every door, whatever it names beside it",
  async () =>
    (await badCredentials()).flatMap(([name, credential]): ReadonlyArray<Attack> => {
      const headers = { ...credential, ...pretends };
      const doors: ReadonlyArray<readonly [string, Attack["send"]]> = [
        ["completions", chat(headers, { user: victim.user })],
        ["models", get("/v1/models", headers)],
        ["sessions", get("/v1/sessions", headers)],
        ["a session", get(sessionPath, headers)],
        ["deleting a session", remove(sessionPath, headers)],
        ["artifacts", get("/v1/artifacts?user=victim", headers)],
        ["the victim's artifact", victimArtifact(headers)],
        ["MCP", mcpPost(initialize, headers)],
        ["the victim's MCP session", inVictimsSession("POST", headers, readDiary)],
        ["ending the victim's MCP session", inVictimsSession("DELETE", headers)],
      ];
      return doors.map(([door, send]) => ({ name: `${name} at ${door}`, send, expect: [401] }));
    }),
);

// Names ------------------------------------------------------------------------------------------

const names: ReadonlyArray<string> = [
  victim.user,
  `alice/${victim.user}`,
  `api-key:alice/${victim.user}`,
  `api-key:alice","${victim.user}`,
  `["api-key:alice","${victim.user}"]`,
  `../alice/${victim.user}`,
  `..\\alice\\${victim.user}`,
  `%2e%2e%2falice%2f${victim.user}`,
  `/workspace/../${victim.user}`,
  ` ${victim.user}`,
  `${victim.user} `,
  victim.user.toUpperCase(),
  `${victim.user}\u0000`,
  `\u0000${victim.user}`,
  `${victim.user}\r\nx-user-id: ${victim.user}`,
  "ｖｉｃｔｉｍ",
  "vıctim",
  `\u202e${victim.user}`,
  `${victim.user}\u200b`,
  "v\u0131ctim\u0307",
  "__proto__",
  "constructor",
  "*",
  "' OR 1=1 --",
  "\ud800",
  "v".repeat(5_000),
];

/** Names that a header can carry. */
const headerNames = names.filter((name) => /^[\x20-\x7e]+$/.test(name) && name.length < 1_000);

const bob: Headers = { authorization: `Bearer ${attackerKey}` };

attacks("a name never leads to another principal's user", () =>
  Promise.resolve([
    ...names.flatMap((name): ReadonlyArray<Attack> => [
      {
        name: `user ${JSON.stringify(name).slice(0, 60)}`,
        send: chat({ ...bob, "x-session-id": victim.session }, { user: name }),
        expect: [200, 400],
      },
      {
        name: `safety_identifier ${JSON.stringify(name).slice(0, 60)}`,
        send: chat({ ...bob, "x-session-id": victim.session }, { safety_identifier: name }),
        expect: [200, 400],
      },
    ]),
    ...headerNames.flatMap((name): ReadonlyArray<Attack> => {
      const headers = { ...bob, "x-user-id": name };
      // What bob's own users said in their own session of this name is theirs, so another name is asked for.
      return [
        {
          name: `x-user-id ${name}: completions`,
          send: chat({ ...headers, "x-session-id": victim.session }),
          expect: [200, 400],
        },
        { name: `x-user-id ${name}: the list`, send: get("/v1/sessions", headers), expect: [200, 400] },
        { name: `x-user-id ${name}: MCP`, send: mcpPost(initialize, headers), expect: [200, 400] },
        {
          name: `x-user-id ${name}: the victim's MCP session`,
          send: inVictimsSession("POST", headers, readDiary),
          expect: [400, 404],
        },
      ];
    }),
  ]));

// Identifiers ------------------------------------------------------------------------------------

const paths: ReadonlyArray<string> = [
  victim.session,
  `../sessions/${victim.session}`,
  `%2e%2e%2fsessions%2f${victim.session}`,
  `alice%2f${victim.session}`,
  `${victim.session}%00`,
  `${victim.session}%0d%0ax-user-id:%20victim`,
  `${victim.session}?x-user-id=${victim.user}&principal=alice`,
  `${victim.session};user=${victim.user}`,
  victim.session.toUpperCase(),
  "%",
  "%ff",
  "*",
  "__proto__",
  "'%20OR%201=1--",
];

attacks("an identifier never leads to another's session", () =>
  Promise.resolve([
    { name: "GET by query", send: get(`${sessionPath}?user=${victim.user}`, bob), expect: [404] },
    { name: "DELETE by query", send: remove(`${sessionPath}?user=${victim.user}`, bob), expect: [404] },
    { name: "the list by query", send: get(`/v1/sessions?user=${victim.user}`, bob), expect: [200] },
    ...[bob, { ...bob, "x-user-id": victim.user }, { authorization: `Bearer ${victim.key}` }].flatMap((headers, who) =>
      paths.flatMap((path): ReadonlyArray<Attack> => [
        { name: `${who}: GET ${path}`, send: get(`/v1/sessions/${path}`, headers), expect: [400, 404] },
        { name: `${who}: DELETE ${path}`, send: remove(`/v1/sessions/${path}`, headers), expect: [400, 404, 405] },
      ])
    ),
  ]));

attacks("an MCP session answers to its own caller only", () => {
  const callers: ReadonlyArray<readonly [string, Headers]> = [
    ["another principal", bob],
    ["another principal with the user's name", { ...bob, "x-user-id": victim.user }],
    ["another user of the principal", { authorization: `Bearer ${victim.key}`, "x-user-id": "other" }],
    ["the principal's default user", { authorization: `Bearer ${victim.key}` }],
  ];
  return Promise.resolve(callers.flatMap(([who, headers]): ReadonlyArray<Attack> => [
    { name: `${who} calls a tool`, send: inVictimsSession("POST", headers, readDiary), expect: [404] },
    { name: `${who} lists tools`, send: inVictimsSession("POST", headers, rpc("tools/list")), expect: [404] },
    { name: `${who} opens its stream`, send: inVictimsSession("GET", headers), expect: [404] },
    {
      name: `${who} resumes its stream`,
      send: inVictimsSession("GET", { ...headers, "last-event-id": "1" }),
      expect: [404],
    },
    { name: `${who} ends it`, send: inVictimsSession("DELETE", headers), expect: [404] },
    {
      name: `${who} guesses its id`,
      send: (target) =>
        inVictimsSession("POST", headers, readDiary)({
          ...target,
          victimMcpSession: target.victimMcpSession.slice(0, -1),
        }),
      expect: [404],
    },
  ]));
});

// Files and borrowed names -----------------------------------------------------------------------

/** Opens an MCP session of the attacker's own and reads a path in it. */
const readInOwnSession = (path: string, headers: Headers) => async (target: AttackTarget) => {
  const opened = await mcpPost(initialize, headers)(target);
  await opened.body?.cancel();
  return await target.mcp("/mcp", {
    method: "POST",
    headers: { ...jsonHeaders, ...headers, "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" },
    body: rpc("tools/call", { name: "read_file", arguments: { file_path: path } }),
  });
};

attacks("a path never leads to another's file", () =>
  Promise.resolve([
    victim.file,
    `/workspace/${victim.file}`,
    `../${victim.user}/${victim.file}`,
    `/workspace/../../${victim.user}/${victim.file}`,
    `../../workspace/${victim.file}\u0000`,
    `file:///workspace/${victim.file}`,
    `${"../".repeat(40)}proc/self/environ`,
  ].map((path): Attack => ({
    name: JSON.stringify(path).slice(0, 60),
    send: readInOwnSession(path, { ...bob, "x-user-id": victim.user }),
    expect: [200],
  }))));

attacks("an artifact opens to its owner and by its own link only", () => {
  /** Opens the link after changing it. */
  const changed = (name: string, change: (link: string, id: string) => string): Attack => ({
    name,
    send: ({ http, victimArtifact: { link, id } }) => http(change(link, id), { headers: { ...bob, ...pretends } }),
    expect: [400, 404, 410],
  });
  return Promise.resolve([
    { name: "another principal", send: victimArtifact(bob), expect: [404] },
    { name: "another principal with the user's name", send: victimArtifact({ ...bob, ...pretends }), expect: [404] },
    {
      name: "the principal's default user",
      send: victimArtifact({ authorization: `Bearer ${victim.key}` }),
      expect: [404],
    },
    {
      name: "the list of a user of that name",
      send: get(`/v1/artifacts?user=${victim.user}`, { ...bob, ...pretends }),
      expect: [200],
    },
    changed("a later expiry", (link) => link.replace(/expires=\d+/, "expires=99999999999")),
    changed("no expiry", (link) => link.replace(/expires=\d+&?/, "")),
    changed("no signature", (link) => link.replace(/&signature=.*/, "")),
    changed("an empty signature", (link) => link.replace(/signature=.*/, "signature=")),
    changed("a cut signature", (link) => link.slice(0, -2)),
    changed("another signature", (link) => link.replace(/signature=.*/, `signature=${"A".repeat(43)}`)),
    changed("two signatures", (link) => link.replace(/signature=/, "signature=A&signature=")),
    changed("a cut id", (link, id) => link.replace(id, id.slice(0, -1))),
    changed("another id", (link, id) => link.replace(id, id.split("").reverse().join(""))),
    changed("a path for an id", (link, id) => link.replace(id, encodeURIComponent(`/workspace/${victim.file}`))),
    changed("no id", (link, id) => link.replace(id, "%00")),
  ]);
});

attacks("a borrowed header never lends another's rights", async () => {
  const forwarded = await token({ iss: "open-webui", sub: victim.user }, forwardedSecret);
  const completion = { user: victim.user };
  const cases: ReadonlyArray<readonly [string, Headers, ReadonlyArray<number>]> = [
    ["a forwarded user beside an untrusted key", { ...bob, "x-openwebui-user-jwt": forwarded }, [200]],
    ["a forwarded user beside the proxy's key", {
      authorization: "Bearer sk-proxy-0123456789abcdef",
      "x-openwebui-user-jwt": forwarded,
    }, [200]],
    ["a forged forwarded user beside the proxy's key", {
      authorization: "Bearer sk-proxy-0123456789abcdef",
      "x-openwebui-user-jwt": await token({ iss: "open-webui", sub: victim.user }),
    }, [401]],
    ["a chat UI's headers", { ...bob, "x-openwebui-user-id": victim.user, "x-openwebui-chat-id": victim.session }, [
      200,
    ]],
    ["a principal by header", { ...bob, "x-principal": "alice", "x-caisson-owner": "alice", "x-owner": "alice" }, [
      200,
    ]],
    ["the victim's idempotency key", { ...bob, "idempotency-key": "victims-key" }, [200]],
    ["a retry of the victim's request", { ...bob, "x-stainless-retry-count": "1" }, [200]],
    ["a token whose subject is the key's name", { authorization: `Bearer ${await token({ sub: "alice" })}` }, [200]],
    ["a token whose subject is the whole principal", {
      authorization: `Bearer ${await token({ sub: "api-key:alice" })}`,
    }, [200]],
  ];
  return cases.map(([name, headers, expect]): Attack => ({
    name,
    send: chat({ ...headers, "x-user-id": victim.user, "x-session-id": victim.session }, completion),
    expect,
  }));
});
