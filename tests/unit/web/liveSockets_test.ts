import assert from "node:assert/strict";
import { createServer } from "node:http";
import { WebSocket, WebSocketServer } from "@effect/platform-node/NodeWS";
import { Effect } from "effect";
import { LiveSockets } from "../../../src/web/LiveSockets.ts";
import { it } from "../../support/it.ts";

/** A server whose sockets are watched, and its address. */
const serving = Effect.gen(function* () {
  const sockets = new LiveSockets();
  const accepting = new WebSocketServer({ noServer: true, WebSocket: sockets.socketClass });
  const server = createServer();
  server.on("upgrade", (request, socket, head) => accepting.handleUpgrade(request, socket, head, () => {}));
  yield* Effect.acquireRelease(
    Effect.promise(() => new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))),
    () =>
      Effect.promise(() => {
        for (const client of accepting.clients) client.terminate();
        return new Promise<void>((resolve) => void server.close(() => resolve()));
      }),
  );
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return { sockets, url: `ws://127.0.0.1:${address.port}` };
});

/** A client that answers questions or does not, and what it hears. */
const client = (url: string, autoPong: boolean) =>
  Effect.promise(() =>
    new Promise<{ readonly pinged: () => Promise<void>; readonly closed: Promise<number> }>((resolve) => {
      const socket = new WebSocket(url, { autoPong });
      const closed = new Promise<number>((done) => void socket.once("close", (code: number) => done(code)));
      socket.once(
        "open",
        () => resolve({ pinged: () => new Promise((heard) => void socket.once("ping", () => heard())), closed }),
      );
    })
  );

it.live("LiveSockets cuts the peer that answers nothing, and keeps the one that does", () =>
  Effect.gen(function* () {
    const { sockets, url } = yield* serving;
    const deaf = yield* client(url, false);
    const there = yield* client(url, true);
    let isGone = false;
    deaf.closed.then(() => isGone = true);
    for (let asked = 0; asked < 2; asked++) {
      const heard = [deaf.pinged(), there.pinged()];
      sockets.ask();
      yield* Effect.promise(() => Promise.all(heard));
      assert.deepEqual([isGone, sockets.size], [false, 2]);
    }
    const heard = there.pinged();
    sockets.ask();
    assert.equal(yield* Effect.promise(() => deaf.closed), 1006);
    yield* Effect.promise(() => heard);
    assert.equal(sockets.size, 1);
    yield* sockets.leave;
    assert.equal(yield* Effect.promise(() => there.closed), 1001);
  }));
