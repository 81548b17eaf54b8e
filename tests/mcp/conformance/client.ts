/**
 * The client under the conformance suite: the very connection the agent uses, doing what the scenario asks.
 *
 * The suite names the scenario in `MCP_CONFORMANCE_SCENARIO` and gives the server's URL last.
 */
import { Effect } from "effect";
import { httpEndpoint } from "../../../src/adapters/toolbox/endpoints.ts";
import { connect } from "../../../src/adapters/toolbox/McpConnection.ts";

const url = Deno.args.at(-1) ?? "";
const scenario = Deno.env.get("MCP_CONFORMANCE_SCENARIO");

await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
  const connection = yield* connect(httpEndpoint("conformance", url, {}));
  if (scenario === "tools_call") yield* connection.call("add_numbers", { a: 2, b: 3 });
  if (scenario === "sse-retry") yield* connection.call("test_reconnection", {});
})));
