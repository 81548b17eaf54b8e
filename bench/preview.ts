/**
 * What a preview adds to a request: a new connection and a small answer through the preview's port, against the same
 * request to the same server made inside the sandbox, in turns.
 *
 * Run with `deno task bench:preview`. It needs an engine, bubblewrap or both. It ends with 1 when the bound is missed.
 */
import { Context, Effect, Layer } from "effect";
import { layer as docker } from "../src/adapters/sandbox/docker/Docker.ts";
import { layerBubblewrap } from "../src/adapters/sandbox/Embedded.ts";
import { Settings } from "../src/config.ts";
import type { Owner } from "../src/domain/Owner.ts";
import { layer as preview } from "../src/http/preview/layer.ts";
import { Previews } from "../src/services/Previews.ts";
import { Sandbox } from "../src/services/Sandbox.ts";
import { engineSettings, skipWithoutEngine } from "../tests/support/engine.ts";

const rounds = 20;
const requestsOfRound = 25;
/** Milliseconds that a preview may add at the median. */
const addedMsMax = 3;
const port = 8000;

const server = `
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", ${port}), Handler).serve_forever()
`;
/** Prints the milliseconds of requests, each on a connection of its own. */
const client = `
import socket, time
for _ in range(${requestsOfRound}):
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", ${port})) as conn:
        conn.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost:${port}\\r\\nConnection: close\\r\\n\\r\\n")
        while conn.recv(65536): pass
    print((time.perf_counter() - started) * 1000)
`;

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Milliseconds of one visit, its connection included. */
const visit = async ({ hostname, port: door }: URL): Promise<number> => {
  const started = performance.now();
  const socket = await Deno.connect({ hostname: "127.0.0.1", port: Number(door) });
  await socket.write(new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${hostname}:${door}\r\n\r\n`));
  const buffer = new Uint8Array(65_536);
  let told = "";
  for (let count = await socket.read(buffer); count !== null; count = await socket.read(buffer)) {
    told += new TextDecoder().decode(buffer.subarray(0, count));
  }
  const took = performance.now() - started;
  socket.close();
  if (!told.startsWith("HTTP/1.1 200") || !told.endsWith("ok")) throw new Error(told);
  return took;
};

const owner: Owner = { principal: "bench", user: crypto.randomUUID(), ephemeral: false };

const measure = (form: string) =>
  Effect.gen(function* () {
    const sandbox = yield* Sandbox;
    const previews = Context.get((yield* Effect.context<Sandbox>()) as Context.Context<never>, Previews);
    const handle = yield* sandbox.open(owner);
    yield* Effect.addFinalizer(() => Effect.ignore(sandbox.reset(owner)));
    yield* handle.writeFile("server.py", new TextEncoder().encode(server));
    yield* handle.writeFile("client.py", new TextEncoder().encode(client));
    yield* Effect.forkScoped(handle.execute({ command: "exec python3 server.py", timeoutMs: 600_000 }));
    yield* handle.execute({
      command: `until python3 -c 'import socket; socket.create_connection(("127.0.0.1", ${port}))'; do sleep 0.1; done`,
      timeoutMs: 20_000,
    });
    const url = new URL((yield* previews.open(owner, port)).url);
    const [inside, through]: [Array<number>, Array<number>] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const { stdout } = yield* handle.execute({ command: "python3 client.py", timeoutMs: 60_000 });
      inside.push(...stdout.trim().split("\n").map(Number));
      for (let count = 0; count < requestsOfRound; count++) through.push(yield* Effect.promise(() => visit(url)));
    }
    const [direct, previewed] = [median(inside), median(through)];
    const added = previewed - direct;
    console.log(
      `| ${form} | ${direct.toFixed(2)} | ${previewed.toFixed(2)} | +${added.toFixed(2)} | ${addedMsMax} |`,
    );
    return added <= addedMsMax;
  }).pipe(Effect.scoped);

const directory = Deno.makeTempDirSync({ prefix: "caisson-bench-preview-" });
Deno.chmodSync(directory, 0o711);
const settings = Settings.layerWith({ dataPath: directory, previewPort: 0 });
const forms = {
  ...(skipWithoutEngine === undefined && { Docker: Layer.provide(docker, engineSettings()) }),
  bubblewrap: Layer.provide(layerBubblewrap("bench"), settings),
};

console.log("| sandbox | inside, p50 ms | preview, p50 ms | added | bound |");
console.log("| --- | --- | --- | --- | --- |");
let isHeld = true;
try {
  for (const [form, sandbox] of Object.entries(forms)) {
    const layers = Layer.provideMerge(Layer.provide(preview, settings), sandbox);
    isHeld = await Effect.runPromise(Effect.provide(measure(form), layers).pipe(Effect.scoped)) && isHeld;
  }
} finally {
  Deno.removeSync(directory, { recursive: true });
}
Deno.exit(isHeld ? 0 : 1);
