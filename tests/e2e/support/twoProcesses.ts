/**
 * The two services as processes: a tool server over Docker, and the agent before it, whose model does what its user
 * spells out.
 */
import { Effect } from "effect";
import { dataDirectory } from "../../support/dataDirectory.ts";
import { start } from "../processes.ts";
import { obedientModel } from "./obedientModel.ts";

const key = "a-key-for-the-test";

type Environment = Readonly<Record<string, string>>;

/** Starts both, with settings of each, and tells the agent's port; they are stopped when the scope closes. */
export const twoProcesses = Effect.fnUntraced(function* (ofTools: Environment, ofApi: Environment) {
  const engine = Deno.env.get("DOCKER_HOST");
  const tools = yield* start("mcp.ts", {
    CAISSON_MCP_PORT: "0",
    CAISSON_SANDBOX: "docker",
    CAISSON_DATA_PATH: yield* dataDirectory,
    CAISSON_API_KEYS: `agent-api:${key}`,
    ...(engine !== undefined && { DOCKER_HOST: engine }),
    ...ofTools,
  });
  const [mcpPort] = yield* tools.line(/MCP server listens on http:\/\/127\.0\.0\.1:(\d+)/);
  const provider = yield* obedientModel;
  const api = yield* start("server.ts", {
    AGENT_API_PORT: "0",
    CAISSON_DATA_PATH: yield* dataDirectory,
    DOCKER_HOST: "unix:///nonexistent/engine.sock",
    MCP_SERVER_URL: `http://127.0.0.1:${mcpPort}/mcp`,
    CAISSON_MCP_API_KEY: key,
    OPENAI_API_KEY: "a-key",
    OPENAI_BASE_URL: `http://127.0.0.1:${provider.addr.port}/v1`,
    ...ofApi,
  });
  const [port = ""] = yield* api.line(/agent API listens on http:\/\/127\.0\.0\.1:(\d+)/);
  return { tools, api, port };
});
