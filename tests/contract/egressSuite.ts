/**
 * What programs in a sandbox reach of the world, from inside a live sandbox.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Layer, Redacted, type Scope } from "effect";
import { layerOver } from "../../src/adapters/egress/Configured.ts";
import type { SettingsService } from "../../src/config.ts";
import { Settings } from "../../src/config.ts";
import { egressRows } from "../../src/config/egress.ts";
import type { EgressSummary } from "../../src/domain/EgressRecord.ts";
import { Egress, type EgressLimit, type EgressTotals } from "../../src/services/Egress.ts";
import { Sandbox, type SandboxHandle } from "../../src/services/Sandbox.ts";
import { type EgressWorld, egressWorld, publicAddress } from "../support/egressWorld.ts";
import { it } from "../support/it.ts";
import { type Probe, probeNames, probeRules, probes } from "./egressProbes.ts";
import { freshOwner, run } from "./sandboxSuite.ts";

/** A form of the sandbox, without its way out. */
export type SandboxForm = (
  changes: Partial<SettingsService>,
) => Layer.Layer<Sandbox, unknown>;

interface Scene extends EgressWorld {
  readonly handle: SandboxHandle;
  readonly totals: Effect.Effect<EgressTotals>;
  /** What the whole sandbox asked so far. */
  readonly egress: Effect.Effect<EgressSummary | undefined>;
}

const allowed = (text: string) => {
  const parsed = egressRows.egressAllow.parse(text);
  assert.ok(parsed._tag === "Some", text);
  return parsed.value;
};

/** Talks to the proxy as the lines of its input say, and prints what came back, a line each. */
const prober = `
import base64, json, os, socket, sys
port = int(os.environ["http_proxy"].rsplit(":", 1)[1])
def talk(pieces):
    got, end = b"", "silent"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        try:
            for number, piece in enumerate(pieces):
                if number:
                    while b"\\r\\n\\r\\n" not in got:
                        data = s.recv(65536)
                        if not data: return got, "closed"
                        got += data
                s.sendall(base64.b64decode(piece))
            if len(pieces) > 1: s.shutdown(socket.SHUT_WR)
            while data := s.recv(65536): got += data
            end = "closed"
        except ConnectionError: end = "closed"
        except socket.timeout: pass
    return got, end
for pieces in json.load(open(sys.argv[1])):
    got, end = talk(pieces)
    head, _, after = got.partition(b"\\r\\n\\r\\n")
    print(json.dumps([head.split(b"\\r\\n")[0].decode("latin1"), len(after), end]))
`;

const verdictOf = (probe: Probe, line: string): string | undefined => {
  const [status, after, end]: [string, number, string] = JSON.parse(line);
  if (probe.expect === "refused") return /^HTTP\/1\.1 (400|403|411|431) /.test(status) ? undefined : line;
  return (status === "" || status.startsWith("HTTP/1.1 200 ")) && after === 0 && end === "closed" ? undefined : line;
};

const python = (source: string) => `python3 - <<'END'\n${source}\nEND`;

/** Registers the cases of egress for one form of the sandbox. */
export const egressSuite = (name: string, form: SandboxForm, options: { readonly skip?: string | undefined }): void => {
  const scene = (
    title: string,
    body: (scene: Scene) => Effect.Effect<void, unknown, Scope.Scope>,
    changes: Partial<SettingsService> = {},
    limit?: EgressLimit,
  ) =>
    it.live(`${name}: ${title}`, () =>
      Effect.gen(function* () {
        const world = yield* egressWorld(probeNames);
        const directory = yield* Effect.acquireRelease(
          Effect.sync(() => Deno.makeTempDirSync({ prefix: "caisson-ca-" })),
          (path) => Effect.sync(() => Deno.removeSync(path, { recursive: true })),
        );
        Deno.writeTextFileSync(`${directory}/ca.pem`, world.certificate);
        const settings = {
          egress: "allowlist" as const,
          egressAllow: allowed(probeRules),
          egressCaFile: egressRows.egressCaFile.parse(`${directory}/ca.pem`).pipe((parsed) => {
            assert.ok(parsed._tag === "Some");
            return parsed.value;
          }),
          ...changes,
        };
        const egress = Layer.provide(layerOver(world.outside), Settings.layerWith(settings));
        const program = Effect.gen(function* () {
          const sandbox = yield* Sandbox;
          const owner = freshOwner(true);
          if (limit !== undefined) yield* (yield* Egress).limit(owner, limit);
          const handle = yield* sandbox.open(owner);
          const egress = sandbox.egress?.(owner) ?? Effect.undefined;
          yield* body({ ...world, handle, egress, totals: (yield* Egress).totals });
        });
        yield* Effect.provide(program, Layer.provideMerge(form(settings), egress));
      }).pipe(Effect.timeout("10 minutes")), options);

  scene(
    `all ${probes.length} probes are refused, counted, and reach nothing`,
    ({ handle, totals, ...world }) =>
      Effect.gen(function* () {
        const bytes = new TextEncoder();
        yield* handle.writeFile("probe.py", bytes.encode(prober));
        const failures: Array<string> = [];
        for (const probe of probes) {
          const before = { ...(yield* totals), questions: world.questions.length, contacts: world.contacts.length };
          const sends = probe.sends.map((piece) => Buffer.from(piece, "latin1").toString("base64"));
          yield* handle.writeFile("probe.json", bytes.encode(JSON.stringify([sends])));
          const { stdout, stderr, note } = yield* run(handle, "python3 probe.py probe.json");
          const wrong = stdout.trim() === "" ? stderr : verdictOf(probe, stdout.trim());
          const after = yield* totals;
          if (wrong !== undefined) failures.push(`${probe.what}: ${wrong}`);
          if (after.refused !== before.refused + 1) failures.push(`${probe.what}: not counted as refused`);
          if (!note?.startsWith("Egress: refused ")) failures.push(`${probe.what}: not said: ${note}`);
          if (probe.mayAsk !== true && world.questions.length > before.questions) {
            failures.push(`${probe.what}: asked DNS`);
          }
          if (probe.mayContact !== true && world.contacts.length > before.contacts) {
            failures.push(`${probe.what}: contacted ${world.contacts.at(-1)}`);
          }
        }
        assert.deepEqual(failures, []);
        assert.deepEqual(world.requests, []);
      }),
  );

  scene(
    "what is allowed works for curl, urllib and requests, and goes to the address that was judged",
    ({ handle, ...world }) =>
      Effect.gen(function* () {
        const asked = yield* run(
          handle,
          `curl -sS https://allowed.example/a && curl -sS http://allowed.example/b -d 12345 && ` +
            `curl -sS https://x.wild.example/ && ` +
            python(`import urllib.request; print(urllib.request.urlopen("https://allowed.example/c").read().decode())
try:
    import requests
    print(requests.get("https://allowed.example/d").text)
except ImportError: pass`),
        );
        assert.match(
          asked.stdout,
          /^hello from allowed\.example\nhello from allowed\.example\nhello from x\.wild\.example\nhello/,
          asked.stderr,
        );
        assert.equal(asked.note, undefined);
        const reached = (asked.egress?.records ?? []).map(({ host, port, verdict }) => `${verdict} ${host}:${port}`);
        assert.deepEqual(reached, [
          "allowed allowed.example:443",
          "allowed allowed.example:80",
          "allowed x.wild.example:443",
        ]);
        assert.ok(asked.egress?.records.every(({ upBytes, downBytes }) => upBytes > 50 && downBytes > 50));
        assert.deepEqual([...new Set(world.contacts)], [`${publicAddress}:443`, `${publicAddress}:80`]);
        const plain = world.requests.find(({ secure }) => !secure);
        assert.deepEqual([plain?.url, plain?.host, plain?.bodyBytes, plain?.headers.connection], [
          "/b",
          "allowed.example",
          5,
          "close",
        ]);
      }),
  );

  scene(
    "node's fetch and https reach what is allowed, where there is a node",
    ({ handle }) =>
      Effect.gen(function* () {
        const outcome = yield* run(
          handle,
          `command -v node >/dev/null || { echo none; exit; }
cat >ask.cjs <<'END'
const https = require("node:https");
fetch("https://allowed.example/fetch").then((response) => response.text()).then((text) => {
  process.stdout.write(text);
  https.get("https://allowed.example/get", (answer) => answer.pipe(process.stdout));
}, (error) => console.error(error));
END
node ask.cjs`,
        );
        assert.match(outcome.stdout, /^(none\n|(hello from allowed\.example\n){2})$/, outcome.stderr);
      }),
  );

  scene(
    "a redirect to an address, or to a name that is not allowed, is refused and named to the model",
    ({ handle, egress, ...world }) =>
      Effect.gen(function* () {
        const outcome = yield* run(
          handle,
          `for to in http%3A%2F%2F169.254.169.254%2F https%3A%2F%2Fevil.example%2F http%3A%2F%2Fmetadata.bad.example%2F; do ` +
            `curl -sL -o /dev/null -w '%{http_code} ' "https://allowed.example/to/$to"; done`,
        );
        assert.equal(outcome.stdout, "403 000 403 ");
        assert.match(
          outcome.note ?? "",
          /refused 169\.254\.169\.254:80, .*; refused evil\.example:443, it is not on the allowlist; /,
        );
        const refused = outcome.egress?.records.filter(({ verdict }) => verdict === "refused") ?? [];
        assert.deepEqual(refused.map(({ host, connections }) => [host, connections]), [
          ["169.254.169.254", 1],
          ["evil.example", 1],
          ["metadata.bad.example", 1],
        ]);
        const ofSandbox = yield* egress;
        assert.deepEqual(ofSandbox?.records.map(({ host }) => host), outcome.egress?.records.map(({ host }) => host));
        assert.deepEqual(world.requests.map(({ host }) => host), Array(3).fill("allowed.example"));
      }),
  );

  scene(
    "a name is pinned to the address that was judged, and judged anew each time",
    ({ handle, ...world }) =>
      Effect.gen(function* () {
        const outcome = yield* run(
          handle,
          `curl -sS -o /dev/null -w '%{http_code} ' http://rebinding.bad.example/ && curl -s -o /dev/null -w '%{http_code}' http://rebinding.bad.example/`,
        );
        assert.equal(outcome.stdout, "200 403");
        assert.deepEqual(world.contacts, [`${publicAddress}:80`]);
        assert.match(outcome.note ?? "", /rebinding\.bad\.example:80, it leads to 127\.0\.0\.1 \(loopback\)/);
      }),
  );

  scene("what comes after one plain request never leaves", ({ handle, ...world }) =>
    Effect.gen(function* () {
      const outcome = yield* run(
        handle,
        python(`import os, socket
s = socket.create_connection(("127.0.0.1", int(os.environ["http_proxy"].rsplit(":", 1)[1])))
s.sendall(b"POST http://allowed.example/one HTTP/1.1\\r\\nHost: evil.example\\r\\nContent-Length: 2\\r\\n\\r\\nabGET http://evil.example/two HTTP/1.1\\r\\nHost: evil.example\\r\\n\\r\\n")
got = b""
while d := s.recv(65536): got += d
print(got.count(b"HTTP/1.1"), b"hello from allowed.example" in got)`),
      );
      assert.equal(outcome.stdout, "1 True\n", outcome.stderr);
      assert.deepEqual(world.requests.map(({ url, host, bodyBytes }) => [url, host, bodyBytes]), [[
        "/one",
        "allowed.example",
        2,
      ]]);
    }));

  scene(
    "nothing leaves beside the proxy: no sockets, no names, no datagrams",
    ({ handle, ...world }) =>
      Effect.gen(function* () {
        const outcome = yield* run(
          handle,
          python(`import socket
got = []
for address in ("93.184.216.34", "169.254.169.254", "10.0.0.1", "172.17.0.1"):
    try: socket.create_connection((address, 80), timeout=2); got.append(address)
    except OSError: pass
try: socket.getaddrinfo("allowed.example", 443); got.append("DNS")
except OSError: pass
try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53)); got.append("UDP")
except OSError: pass
print(got)`),
        );
        assert.equal(outcome.stdout, "[]\n", outcome.stderr);
        assert.deepEqual([world.questions, world.contacts], [[], []]);
      }),
  );

  scene(
    "a thousand opens and half-open connections leave the sandbox and its way out alive",
    ({ handle, totals }) =>
      Effect.gen(function* () {
        yield* run(
          handle,
          python(`import os, socket, time
port = int(os.environ["http_proxy"].rsplit(":", 1)[1])
end = time.time() + 6
held = []
for number in range(1000):
    if time.time() > end: break
    s = socket.socket(); s.settimeout(0.1)
    try:
        s.connect(("127.0.0.1", port))
        if number % 3 == 0: s.sendall(b"GET http://allowed.example/ HT")
        elif number % 3 == 1: s.sendall(b"CONNECT evil.example:443 HTTP/1.1\\r\\n\\r\\n"); s.shutdown(socket.SHUT_WR)
        if number % 5: s.close()
        else: held.append(s)
    except OSError: s.close()
    if len(held) > 20: held.pop(0).close()`),
          30_000,
        );
        const outcome = yield* run(
          handle,
          "sleep 1; curl -sS --retry 5 --retry-delay 1 --retry-all-errors -m 20 https://allowed.example/",
          60_000,
        );
        assert.equal(outcome.stdout, "hello from allowed.example\n", outcome.stderr);
        assert.ok((yield* totals).refused > 10);
      }),
    { egressConnectionsPerMinute: 1200 },
  );

  scene("new connections of a minute are bounded, and the model is told", ({ handle }) =>
    Effect.gen(function* () {
      const outcome = yield* run(
        handle,
        "for n in 1 2 3 4; do curl -s -o /dev/null -w '%{http_code} ' http://allowed.example/; done",
      );
      assert.equal(outcome.stdout, "200 200 429 429 ");
      assert.match(outcome.note ?? "", /there were 2 new connections within a minute \(2×\)/);
    }), { egressConnectionsPerMinute: 2 });

  scene("bytes of a connection are bounded", ({ handle, totals }) =>
    Effect.gen(function* () {
      const outcome = yield* run(handle, "curl -s https://allowed.example/bytes/3000000 | wc -c");
      const got = Number(outcome.stdout);
      assert.ok(got > 500_000 && got < 1_100_000, outcome.stdout);
      // A mebibyte, and the piece that went beyond it.
      assert.ok((yield* totals).downBytes <= 1_114_112);
    }), { egressMbPerConnection: 1 });

  scene(
    "open lets every public name be reached, and still no address that is not public",
    ({ handle, ...world }) =>
      Effect.gen(function* () {
        const outcome = yield* run(
          handle,
          "curl -sS https://anything.example/; curl -s -o /dev/null -w '%{http_code} ' http://metadata.bad.example/; " +
            "curl -s -o /dev/null -w '%{http_connect}' https://anything.example:8443/",
        );
        assert.equal(outcome.stdout, "hello from anything.example\n403 403");
        assert.deepEqual(world.contacts, [`${publicAddress}:443`]);
      }),
    { egress: "open" },
  );

  const secret = "real-secret-of-the-origin";
  const secrets = egressRows.egressSecrets.parse(
    JSON.stringify([{ domain: "allowed.example", name: "API_TOKEN", value: secret }]),
  );
  const withSecret = { egressSecrets: secrets._tag === "Some" ? secrets.value : assert.fail("no secrets") };

  scene("a secret reaches its host and is nowhere in the sandbox", ({ handle, ...world }) =>
    Effect.gen(function* () {
      const outcome = yield* run(
        handle,
        `head -c 200000 /dev/urandom >big
curl -sS -H "Authorization: Bearer $API_TOKEN" -H "X-Other: $API_TOKEN" -d "$API_TOKEN" "https://allowed.example/a?t=$API_TOKEN"
curl -sS -u "ada:$API_TOKEN" -H 'Transfer-Encoding: chunked' --data-binary @big https://allowed.example/chunked
curl -sS -H "Authorization: Bearer $API_TOKEN" https://x.wild.example/other
curl -sS -H "Authorization: Bearer $API_TOKEN" http://allowed.example/plain
python3 -c 'import os, urllib.request as u; print(u.urlopen(u.Request("https://allowed.example/python", headers={"Authorization": "token " + os.environ["API_TOKEN"]})).status)'
env > env.txt; cat /proc/*/environ > environ.txt 2>/dev/null
grep -rsl ${secret} /workspace /tmp /run /opt/caisson /etc /proc/self/environ /proc/1/environ; echo "[$API_TOKEN]"`,
        120_000,
      );
      assert.equal(outcome.note, undefined);
      assert.match(outcome.stdout, /\[caisson-secret-API_TOKEN-[0-9a-f]{32}\]\n$/, outcome.stderr);
      assert.ok(!outcome.stdout.includes(secret) && !outcome.stdout.includes("/workspace/env"), outcome.stdout);
      const of = (path: string) => world.requests.find(({ url }) => url?.startsWith(path)) ?? assert.fail(path);
      assert.equal(of("/a").headers.authorization, `Bearer ${secret}`);
      assert.equal(of("/a").headers["x-other"], secret);
      assert.match(of("/a").url ?? "", /\?t=caisson-secret-/);
      assert.equal(of("/a").bodyBytes, of("/a").url?.split("=")[1]?.length);
      assert.equal(of("/chunked").headers.authorization, `Basic ${Buffer.from(`ada:${secret}`).toString("base64")}`);
      assert.equal(of("/chunked").bodyBytes, 200_000);
      assert.equal(of("/python").headers.authorization, `token ${secret}`);
      assert.match(String(of("/other").headers.authorization), /^Bearer caisson-secret-/);
      assert.match(String(of("/plain").headers.authorization), /^Bearer caisson-secret-/);
    }), withSecret);

  scene(
    "git clones and pushes over https with a password that it never sees",
    ({ handle, ...world }) =>
      Effect.gen(function* () {
        const outcome = yield* run(
          handle,
          'git clone -q "https://ada:$API_TOKEN@allowed.example/repo.git" repo && cat repo/hello.txt; ' +
            // More than git sends in one piece.
            "cd repo && head -c 3000000 /dev/urandom >large && git add . && " +
            "git -c user.name=a -c user.email=a@b.example commit -qm more && git push -q && cd .. && " +
            'git clone -q "https://ada:$API_TOKEN@allowed.example/repo.git" again && cmp repo/large again/large && ' +
            `grep -rs ${secret} . | wc -l`,
          120_000,
        );
        assert.equal(outcome.stdout, "hello from git\n0\n", outcome.stderr);
        const pushed = world.requests.filter(({ url }) => url?.endsWith("/git-receive-pack"));
        assert.ok(
          pushed.some(({ headers, bodyBytes }) => headers["transfer-encoding"] === "chunked" && bodyBytes > 3e6),
        );
      }),
    withSecret,
  );

  scene(
    "requests to a host with a secret go nowhere else, and not to a server that is not that host",
    ({ handle, ...world }) =>
      Effect.gen(function* () {
        const outcome = yield* run(
          handle,
          `curl -s -o /dev/null -w '%{http_code} ' -H 'Host: evil.example' https://allowed.example/fronted
curl -s -o /dev/null -w '%{http_code} ' --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' https://allowed.example/socket
curl -s -o /dev/null -w '%{http_code}' -H 'Content-Length: 3' -H 'Transfer-Encoding: chunked' -d abc https://allowed.example/both`,
        );
        assert.equal(outcome.stdout, "403 400 400");
        assert.match(
          outcome.note ?? "",
          /refused allowed\.example:443, the request is for another host than its tunnel/,
        );
        assert.deepEqual(world.requests, []);
      }),
    withSecret,
  );

  scene(
    "an owner with names and secrets of its own reaches those names only, and its secret goes to its host only",
    ({ handle, egress, ...world }) =>
      Effect.gen(function* () {
        const outcome = yield* run(
          handle,
          `curl -sS -H "Authorization: Bearer $OWN_TOKEN" https://x.wild.example/own
curl -s -o /dev/null -w '%{http_connect} ' -H "Authorization: Bearer $OWN_TOKEN" https://allowed.example/others
python3 -c 'import os, urllib.request as u; print(u.urlopen(u.Request("https://x.wild.example/python", headers={"Authorization": os.environ["OWN_TOKEN"]})).status)'
env > env.txt; cat /proc/*/environ > environ.txt 2>/dev/null
grep -rsl own-secret /workspace /tmp /run /opt/caisson /etc /proc/self/environ /proc/1/environ; echo "[$OWN_TOKEN] [$API_TOKEN]"`,
        );
        assert.match(
          outcome.stdout,
          /^hello from x\.wild\.example\n403 200\n\[caisson-secret-OWN_TOKEN-[0-9a-f]{32}\] \[caisson-secret-API_TOKEN-[0-9a-f]{32}\]\n$/,
          outcome.stderr,
        );
        assert.match(outcome.note ?? "", /refused allowed\.example:443, it is not on the allowlist/);
        assert.deepEqual(world.requests.map(({ headers }) => headers.authorization), [
          "Bearer own-secret",
          "own-secret",
        ]);
        assert.equal((yield* egress)?.records.length, 2);
      }),
    withSecret,
    {
      rules: allowed("x.wild.example"),
      secrets: [{ domain: "x.wild.example", name: "OWN_TOKEN", value: Redacted.make("own-secret") }],
    },
  );

  it.live(`${name}: off means no listener, no variable and no note of a proxy`, () =>
    Effect.gen(function* () {
      const handle = yield* (yield* Sandbox).open(freshOwner(true));
      const outcome = yield* run(handle, "env | grep -ci -E 'proxy|_CA|userbase'; cat /proc/net/tcp | wc -l");
      assert.equal(outcome.stdout, "0\n1\n");
    }).pipe(Effect.provide(form({}))), options);
};
