/**
 * A container engine that answers what a test says, on a socket of its own.
 */
import { Effect } from "effect";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { temporaryDirectory } from "../../../../support/temporaryDirectory.ts";

/** What an engine answers to `GET /version`. */
export const version = {
  Version: "27.1.0",
  ApiVersion: "1.46",
  Components: [{ Name: "Engine", Version: "27.1.0", Details: { Arch: "amd64" } }],
};

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Serves until the scope closes; paths come without the API version. Answers the socket's path. */
export const engineServer = Effect.fnUntraced(function* (answer: (method: string, path: string) => Answer | undefined) {
  const directory = yield* temporaryDirectory;
  const socketPath = `${directory}/engine.sock`;
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? "").replace(/^\/v[\d.]+/, "").replace(/\?.*/, "");
    const found = path === "/version" && answer("GET", "/version") === undefined
      ? { status: 200, body: version }
      : answer(request.method ?? "", path) ?? { status: 404, body: { message: `no ${path}` } };
    request.resume();
    response.writeHead(found.status, { "content-type": "application/json" });
    response.end(typeof found.body === "string" ? found.body : JSON.stringify(found.body));
  };
  yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer(serve);
      server.listen(socketPath, () => resume(Effect.succeed(server)));
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void));
        server.closeAllConnections();
      }),
  );
  return socketPath;
});
