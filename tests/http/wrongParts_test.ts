/**
 * What does not fit is named by its own place, and what was expected there is said in words of JSON, not of the code.
 */
import assert from "node:assert/strict";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { type App, withApp } from "../support/app.ts";

const post = (app: App, path: string, body: unknown) =>
  app.send(
    new Request(`http://caisson.test${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );

const messages = [{ role: "user", content: "hi" }];
const named = { type: "function", function: { name: "f" } };
const responses = (fields: object) => ({ input: "hi", ...fields });

/** Where is posted what, which place of it is wrong, and words that say why. */
const wrong: ReadonlyArray<readonly [path: string, body: unknown, param: string | null, why: RegExp]> = [
  ["/v1/chat/completions", { messages, tools: [1] }, "tools.0", /object with type "function"/],
  ["/v1/chat/completions", { messages, tool_choice: {} }, "tool_choice", /"none" \| "auto" \| "required" \| object/],
  ["/v1/chat/completions", { messages, tools: [named], tool_choice: 5 }, "tool_choice", /"required" \| object/],
  ["/v1/chat/completions", { messages: [{ role: "user", content: {} }] }, "messages.0.content", /string \| array/],
  ["/v1/responses", responses({ text: { format: { type: "xml" } } }), "text.format", /object with type "json_schema"/],
  ["/v1/responses", responses({ text: { format: 5 } }), "text.format", /object with type "text" \| /],
  ["/v1/responses", responses({ tool_choice: {} }), "tool_choice", /'type' and 'name'/],
  ["/v1/responses", responses({ tool_choice: { type: "function" } }), "tool_choice", /'type' and 'name'/],
  ["/v1/responses", responses({ tool_choice: { type: {} } }), "tool_choice", /'type' and 'name'/],
  ["/v1/responses", responses({ tool_choice: { type: "x" } }), "tool_choice", /'x' not found/],
  [
    "/v1/responses",
    responses({ tool_choice: { type: "allowed_tools", mode: "auto", tools: [{}] } }),
    "tool_choice.tools",
    /'type' and 'name'/,
  ],
  ["/v1/responses", responses({ tools: [{}] }), "tools[0].type", /Missing required parameter: 'tools\[0\]\.type'/],
  ["/v1/responses", responses({ tools: [{ type: 5 }] }), "tools[0].type", /to be a string/],
  ["/v1/responses", responses({ tools: [{ type: "function", name: 5 }] }), "tools[0].name", /Expected string/],
  ["/v1/responses", responses({ tools: [{ type: "custom" }] }), "tools[0].name", /Missing key/],
  ["/v1/responses", responses({ tools: [{ type: "namespace", name: "n", tools: 5 }] }), "tools[0].tools", /array/],
  [
    "/v1/responses",
    { input: [{ role: "user", content: "hi" }, { type: "additional_tools", tools: [{ type: "function" }] }] },
    "input[1].tools[0].name",
    /Missing key/,
  ],
  [
    "/v1/responses",
    {
      input: [{ role: "user", content: "" }, {
        type: "additional_tools",
        tools: [{ type: "shell", environment: { type: "local" } }],
      }],
    },
    "input[1].tools[0].environment.type",
    /not supported/,
  ],
  ["/v1/responses", { input: [{ type: "message", role: "wizard", content: "x" }] }, "input[0].role", /"developer"/],
  ["/v1/responses", { input: [{ type: "function_call", call_id: 5 }] }, "input[0].call_id", /Expected string/],
  ["/v1/containers", { name: "x", expires_after: 5 }, "expires_after", /object with anchor "last_active_at"/],
  ["/v1/containers", [], null, /Expected object/],
  ["/v1/conversations", { items: [{ type: "message", role: "robot" }] }, "items[0].role", /"developer"/],
  ["/v1/conversations", { items: [{ role: "user", content: [{ type: "x" }] }] }, "items[0].content.0.type", /'x'/],
  ["/v1/conversations", { items: 5 }, "items", /Expected array \| null/],
  ["/v1/sessions/s/restore", { turn: "t", dry_run: 5 }, "dry_run", /dry_run as a boolean/],
  ["/v1/sessions/s/restore", { snapshot: 5 }, "snapshot", /either turn or snapshot/],
  ["/v1/sessions/s/restore", { turn: "t", more: 1 }, "more", /either turn or snapshot/],
  ["/v1/sessions/s/restore", {}, "turn", /either turn or snapshot/],
  ["/v1/approvals/a", { decision: "approve", calls: 5 }, "calls", /Expected an object with decision/],
  ["/v1/approvals/a", { decision: "deny", note: 5 }, "note", /Expected an object with decision/],
  ["/v1/approvals/a", { decision: "perhaps" }, "decision", /Expected an object with decision/],
  ["/v1/approvals/a", { decision: "approve", more: 1 }, "more", /Expected an object with decision/],
];

/** Names that only the code has: of schemas, and of TypeScript. */
const inCode = /readonly|undefined|\[object|Expected [A-Z]|\| [A-Z]/;

for (const [path, body, param, why] of wrong) {
  Deno.test(`POST ${path} names ${param} as what is wrong with ${JSON.stringify(body).slice(0, 120)}`, () =>
    withApp({ steps: [Scripted.answers("never")] }, async (app) => {
      const response = await post(app, path, body);
      const { error } = await response.json();
      assert.ok(response.status === 400 || response.status === 404, String(response.status));
      assert.equal(error.param, param, error.message);
      assert.match(error.message, why);
      assert.doesNotMatch(error.message, inCode);
    }));
}
