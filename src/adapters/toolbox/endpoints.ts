/**
 * How MCP servers are reached: streamable HTTP, or a child process on its standard streams.
 */
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { StdioToolServer } from "../../domain/ToolServer.ts";
import type { Endpoint } from "./McpConnection.ts";

/** A broken stream is resumed twice, soon; after that the heartbeat of the call decides. */
const reconnection = {
  initialReconnectionDelay: 500,
  maxReconnectionDelay: 2000,
  reconnectionDelayGrowFactor: 2,
  maxRetries: 2,
};

/** The stream for messages that answer no request is not opened: nothing here listens to them. */
const withoutStandingStream = (url: string | URL, init?: RequestInit): Promise<Response> =>
  init?.method === "GET" && !new Headers(init.headers).has("last-event-id")
    ? Promise.resolve(new Response(null, { status: 405 }))
    : fetch(url, init);

/** A server at a URL; `headers` go with every request. */
export const httpEndpoint = (server: string, url: string, headers: Readonly<Record<string, string>>): Endpoint => ({
  server,
  makeTransport: () =>
    new StreamableHTTPClientTransport(new URL(url), {
      fetch: withoutStandingStream,
      requestInit: { headers: { ...headers } },
      reconnectionOptions: reconnection,
    }),
  leave: terminate,
});

const terminate = async (transport: Transport): Promise<void> => {
  if (transport instanceof StreamableHTTPClientTransport) await transport.terminateSession();
};

/** A server started as a child process of this one; it sees the given environment and the least of ours. */
export const stdioEndpoint = (server: string, { command, args = [], env, cwd }: StdioToolServer): Endpoint => ({
  server,
  makeTransport: () =>
    new StdioClientTransport({
      command,
      args: [...args],
      stderr: "ignore",
      ...(env !== undefined && { env: { ...env } }),
      ...(cwd !== undefined && { cwd }),
    }),
  leave: () => Promise.resolve(),
});
