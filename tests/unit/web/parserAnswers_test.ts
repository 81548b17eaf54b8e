import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { ArrivingRequests } from "../../../src/web/ArrivingRequests.ts";
import { answerParser } from "../../../src/web/parserAnswers.ts";
import { answerIn, connectRaw, sendRaw } from "../../support/rawHttp.ts";

/** A server that answers what its parser refuses, while a test looks at it. */
const withServer = async (
  handler: RequestListener,
  body: (server: Server, base: string, open: ReadonlySet<Socket>) => Promise<void>,
): Promise<void> => {
  const server = createServer({ requestTimeout: 0 }, handler);
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  answerParser(server, (error) => ({ status: 400, headers: { "x-tag": error._tag }, body: { error: error._tag } }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  try {
    await body(server, `http://127.0.0.1:${address.port}`, open);
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
};

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const post = (path: string, length: number, body = "") =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`;
const late = () => Object.assign(new Error("late"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });

/** Every connection that a set has, closed. */
const allClosed = (open: ReadonlySet<Socket>) =>
  Promise.all([...open].map((socket) => new Promise((resolve) => socket.once("close", resolve))));

/** What a server is asked next. */
const nextRequest = (server: Server) => new Promise<IncomingMessage>((resolve) => server.once("request", resolve));

Deno.test("what is refused is answered once, and no connection is left, though its client never hangs up", () =>
  withServer((_, response) => void response.end("never"), async (_server, base, open) => {
    const connections = await Promise.all(Array.from({ length: 20 }, () => connectRaw(base)));
    for (const connection of connections) await connection.write("no HTTP\r\n\r\n");
    const said = await Promise.all(connections.map((connection) => connection.said));
    for (const text of said) {
      assert.equal(text.split("HTTP/1.1").length, 2, text);
      assert.deepEqual(JSON.parse(answerIn(text).body), { error: "RequestMalformed" });
    }
    await allClosed(open);
    for (const connection of connections) connection.close();
  }));

Deno.test("what follows an answer on its connection is answered too, and no later one", () =>
  withServer((_, response) => void response.end("fine"), async (_server, base) => {
    const said = await sendRaw(base, `${get}no HTTP\r\n\r\n${get}no HTTP\r\n\r\n`);
    assert.equal(said.split("HTTP/1.1 200").length, 2, said);
    assert.ok(said.split("HTTP/1.1 400").length <= 2, said);
  }));

Deno.test("nothing is written into an answer that has begun: its connection is cut", () =>
  withServer((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
  }, async (_server, base, open) => {
    const said = await sendRaw(base, `${get}no HTTP\r\n\r\n`);
    assert.doesNotMatch(said, /RequestMalformed/);
    await allClosed(open);
  }));

Deno.test("nothing is written where several answers are on their way: their connection is cut", () => {
  let first = true;
  return withServer((_, response) => {
    // The first answer never ends, the second has not begun.
    if (first) response.writeHead(200).write("begun");
    first = false;
  }, async (_server, base, open) => {
    const said = await sendRaw(base, `${get}${get}no HTTP\r\n\r\n`);
    assert.doesNotMatch(said, /RequestMalformed/);
    await allClosed(open);
  });
});

Deno.test("a request that comes too late is told so while nothing has been answered", () =>
  withServer(() => {}, async (server, base, open) => {
    const asked = nextRequest(server);
    const connection = await connectRaw(base);
    await connection.write(post("/", 10, "half"));
    server.emit("clientError", late(), (await asked).socket);
    assert.deepEqual(JSON.parse(answerIn(await connection.said).body), { error: "RequestTimedOut" });
    await allClosed(open);
    connection.close();
  }));

Deno.test("a body that does not arrive within ten looks is refused as too late; no other request is", () =>
  withServer((request, response) => {
    if (request.url === "/events") response.writeHead(200).write("data: 1\n\n");
    request.resume();
  }, async (server, base) => {
    const arriving = new ArrivingRequests(server, (path) => path.startsWith("/stream"));
    const paths = ["/slow", "/stream", "/events"];
    const connections = [];
    for (const path of paths) {
      const asked = nextRequest(server);
      const connection = await connectRaw(base);
      await connection.write(post(path, path === "/events" ? 4 : 10, "half"));
      const request = await asked;
      if (path === "/events" && !request.readableEnded) await new Promise((resolve) => request.once("end", resolve));
      connections.push(connection);
    }
    const [slow, stream, events] = connections;
    assert.ok(slow && stream && events);
    for (let look = 0; look < 10; look++) arriving.look();
    assert.equal(arriving.size, 1, "the streams are not among them");
    let closed = 0;
    for (const connection of connections) void connection.said.then(() => closed++);
    arriving.look();
    assert.deepEqual(JSON.parse(answerIn(await slow.said).body), { error: "RequestTimedOut" });
    for (let look = 0; look < 50; look++) arriving.look();
    assert.deepEqual([arriving.size, closed], [0, 1]);
    for (const connection of connections) connection.close();
  }));

Deno.test("a request that has arrived is forgotten", () =>
  withServer(
    (request, response) => void request.resume().once("end", () => response.end("fine")),
    async (server, base) => {
      const arriving = new ArrivingRequests(server, () => false);
      const asked = nextRequest(server);
      const connection = await connectRaw(base);
      await connection.write(post("/", 4, "half"));
      const request = await asked;
      if (!request.closed) await new Promise((resolve) => request.once("close", resolve));
      assert.equal(arriving.size, 0);
      connection.close();
    },
  ));
