/**
 * Web servers in sandboxes of the tool server, seen in a real browser through the agent API: two processes, three users.
 *
 * The tool server has no door for visitors; what they see and say, over WebSockets too, goes through both processes.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { chromium, newPage, withoutBrowser } from "./support/chromium.ts";
import { twoProcesses } from "./support/twoProcesses.ts";

const users = ["ada", "bob", "cleo"] as const;

/** A page that asks its server over a WebSocket, and the server, in the standard library alone. */
const site = `
import base64, hashlib, http.server, os, sys
page = b"""<!doctype html><title>site</title><p id="who"></p><script>
  const socket = new WebSocket("ws://" + location.host + "/live");
  socket.onopen = () => socket.send("hello");
  socket.onmessage = ({ data }) => { who.textContent += data + ";"; if (data === "hello") socket.send("again"); };
</script>"""
class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        key = self.headers.get("sec-websocket-key")
        if key is None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
            return
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.send_response(101)
        for name, value in ("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-accept", accept.decode()):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        def say(data):
            self.wfile.write(bytes([0x81, len(data)]) + data)
        say(sys.argv[1].encode())
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8: return
            mask = self.rfile.read(4)
            say(bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(head[1] & 127))))
http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Site).serve_forever()
`;

/** Has the agent call a tool for a user; yields what the tool answered. */
const call = async (port: string, user: string, name: string, args: Record<string, unknown>): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-caisson-view": "none" },
    body: JSON.stringify({
      model: "test-model",
      user,
      messages: [{ role: "user", content: JSON.stringify({ name, arguments: args }) }],
    }),
  });
  const { choices, error } = await response.json();
  assert.equal(error, undefined, JSON.stringify(error));
  return choices[0].message.content;
};

it.live(
  "three users look at their sites at once through both processes, over WebSockets too, until either ends",
  () =>
    Effect.gen(function* () {
      const { tools, api, port } = yield* twoProcesses({ CAISSON_PREVIEW: "off" }, { CAISSON_PREVIEW_PORT: "0" });

      const publish = async (user: string): Promise<string> => {
        await call(port, user, "write_file", { file_path: "site.py", content: site });
        const command = `exec python3 site.py ${user}`;
        assert.match(await call(port, user, "execute_bash", { command, background: true }), /running/);
        let told = "nothing listens";
        // As the tool says: a server that does not listen yet is asked for again.
        for (let tries = 0; tries < 10_000 && /nothing listens/.test(told); tries++) {
          told = await call(port, user, "preview_port", { port: 8000 });
        }
        const { url } = JSON.parse(told);
        const listed = await fetch(`http://127.0.0.1:${port}/v1/sandbox/previews?user=${user}`);
        assert.deepEqual((await listed.json()).data.map((preview: { url: string }) => preview.url), [url]);
        return url;
      };
      assert.match(
        yield* Effect.promise(() => call(port, "ada", "preview_port", { port: 9 })),
        /nothing listens on that port/,
      );
      const links = yield* Effect.promise(() => Promise.all(users.map(publish)));
      const browser = yield* chromium;
      yield* Effect.promise(async () => {
        assert.equal(new Set(links.map((link) => new URL(link).host)).size, users.length);
        await Promise.all(links.map(async (link, at) => {
          const page = await newPage(browser);
          await page.goto(link);
          // Not at frames of the screen: a page in the background has none.
          await page.waitForFunction(`who.textContent === "${users[at]};hello;again;"`, { polling: 50 });
        }));
      });
      yield* tools.kill;
      yield* Effect.promise(async () => {
        const page = await newPage(browser);
        const response = await page.goto(links[0] ?? "");
        assert.deepEqual([response?.status(), response?.headers()["x-caisson-preview"]], [502, "sandbox_lost"]);
      });
      yield* api.stop;
      yield* Effect.promise(async () => {
        for (const link of links) {
          await assert.rejects((await newPage(browser)).goto(link), /ERR_CONNECTION_REFUSED/);
        }
      });
    }),
  { skip: skipWithoutEngine ?? withoutBrowser },
);
