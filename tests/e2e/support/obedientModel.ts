/**
 * A provider on loopback for processes under test, whose model does what its user spells out.
 */
import { Effect } from "effect";
import { calls, finish, fragment, text, turn } from "../../support/openaiWire.ts";

/** A provider whose model makes the call that the question spells out, and then repeats its result. */
export const obedientModel = Effect.acquireRelease(
  Effect.sync(() =>
    Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      if (request.method === "GET") {
        return Response.json({ object: "list", data: [{ id: "test-model", object: "model" }] });
      }
      const { messages } = await request.json();
      const { role, content } = messages.at(-1);
      const said = typeof content === "string" ? content : content.map((part: { text?: string }) => part.text).join("");
      const asked = role === "tool" ? undefined : JSON.parse(said);
      const { body } = asked === undefined ? turn(text(said), finish()) : turn(
        calls(fragment({ index: 0, id: "call-1", name: asked.name, arguments: JSON.stringify(asked.arguments) })),
        finish("tool_calls"),
      );
      return new Response(body.join(""), { headers: { "content-type": "text/event-stream" } });
    })
  ),
  (server) => Effect.promise(() => server.shutdown()),
);
