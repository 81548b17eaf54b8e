/**
 * Where the two doors listen, whom they let in from a browser, and how they end.
 */
import {
  address,
  choice,
  hostNames,
  integer,
  number,
  optionalBaseUrl,
  optionalUrl,
  origins,
  previewOrigin,
  type Row,
  secret,
  text,
  toolServers,
} from "./rows.ts";

/** The rows of this area, by the name the code uses. */
export const doorsRows = {
  apiHost: address("AGENT_API_HOST", {
    default: "127.0.0.1",
    why: "Address the agent API listens on. Beyond loopback it needs credentials.",
  }),
  apiPort: integer("AGENT_API_PORT", {
    default: 8000,
    least: 0,
    most: 65535,
    unit: "port",
    why: "Port of the agent API; 0 takes a free one.",
  }),
  mcpHost: address("CAISSON_MCP_HOST", {
    default: "127.0.0.1",
    why: "Address the MCP server listens on. Beyond loopback it needs credentials.",
  }),
  mcpPort: integer("CAISSON_MCP_PORT", {
    default: 8989,
    least: 0,
    most: 65535,
    unit: "port",
    why: "Port of the MCP server; 0 takes a free one.",
  }),
  mcpServerUrl: optionalUrl("MCP_SERVER_URL", {
    why: "MCP server whose tools the agent uses; unset, the tools run in the API's own process.",
  }),
  mcpApiKey: secret("CAISSON_MCP_API_KEY", {
    why: "Key that the agent API shows to the MCP server of MCP_SERVER_URL.",
  }),
  mcpServers: toolServers("CAISSON_MCP_SERVERS", {
    why: "Further MCP servers whose tools the model is offered as name__tool.",
  }),
  mcpUser: text("CAISSON_MCP_USER", {
    default: "local",
    why: "User whose sandbox the MCP server works in when it runs over stdio.",
  }),
  mcpAllowedHosts: hostNames("CAISSON_MCP_ALLOWED_HOSTS", {
    why: "Names besides loopback under which the MCP server may be addressed, separated by commas.",
  }),
  mcpAllowedOrigins: origins("CAISSON_MCP_ALLOWED_ORIGINS", {
    mayBeAny: false,
    why: "Web origins besides loopback that may call the MCP server, separated by commas.",
  }),
  mcpSessionIdleSeconds: number("CAISSON_MCP_SESSION_IDLE_SECONDS", {
    default: 1800,
    least: 1,
    most: 86400,
    unit: "seconds",
    why: "Idle time after which an MCP session is closed; an open stream counts as use.",
  }),
  mcpSessionsPerOwnerMax: integer("CAISSON_MCP_SESSIONS_PER_OWNER_MAX", {
    default: 64,
    least: 1,
    most: 10000,
    unit: "sessions",
    why: "MCP sessions at once of one user; more are answered 429.",
  }),
  mcpSessionsMax: integer("CAISSON_MCP_SESSIONS_MAX", {
    default: 2000,
    least: 1,
    most: 100000,
    unit: "sessions",
    why: "MCP sessions at once in all; more are answered 503. One key may have three quarters of them.",
  }),
  bodyBytesMax: integer("CAISSON_BODY_BYTES_MAX", {
    default: 32 * 1024 * 1024,
    least: 1024,
    most: 1024 ** 3,
    unit: "bytes",
    why: "Largest request body; a larger one is answered 413.",
  }),
  corsOrigins: origins("CAISSON_CORS_ORIGINS", {
    mayBeAny: true,
    why: "Origins, comma-separated, whose pages may call the agent API from a browser, such as https://ui.example.",
  }),
  keepAliveSeconds: number("CAISSON_KEEP_ALIVE_SECONDS", {
    default: 15,
    least: 1,
    most: 600,
    unit: "seconds",
    why: "Silence after which a stream sends a comment, so that proxies do not cut it.",
  }),
  shutdownGraceSeconds: number("CAISSON_SHUTDOWN_GRACE_SECONDS", {
    default: 10,
    least: 0,
    most: 600,
    unit: "seconds",
    why: "Time that running requests get to finish at shutdown before they are cancelled.",
  }),
  onDisconnect: choice("CAISSON_ON_DISCONNECT", {
    choices: ["cancel", "finish"],
    default: "cancel",
    why: "Whether a run whose client went away is cancelled or finished into the session.",
  }),
  publicUrl: optionalBaseUrl("CAISSON_PUBLIC_URL", {
    why: "How clients reach the agent API, for links to files; unset, the address that a request was sent to.",
  }),
  linkSecret: secret("CAISSON_LINK_SECRET", {
    // Whoever guesses it opens everybody's files, and can try as fast as a machine computes digests.
    charactersMin: 16,
    why: "Secret that signs links to files and the ids of conversations that name nobody. Unset, links end with the " +
      "process, and the session store keeps a secret of its own for the ids.",
  }),
  linkSeconds: integer("CAISSON_LINK_SECONDS", {
    default: 86_400,
    least: 1,
    most: 31_536_000,
    unit: "seconds",
    why: "Time for which a link to a file opens it without a key.",
  }),
  preview: choice("CAISSON_PREVIEW", {
    choices: ["auto", "off"],
    default: "auto",
    why:
      "Whether ports of sandboxes can be looked at; auto does so where the doors listen on loopback alone, or where " +
      "CAISSON_PREVIEW_ORIGIN is set.",
  }),
  previewOrigin: previewOrigin("CAISSON_PREVIEW_ORIGIN", {
    why: "Names under which previews are reached, each of which is a host of its own. Unset, those below localhost.",
  }),
  previewPort: integer("CAISSON_PREVIEW_PORT", {
    default: 8001,
    least: 0,
    most: 65535,
    unit: "port",
    why: "Port that serves previews; 0 takes a free one, and so does a port that is taken unless " +
      "CAISSON_PREVIEW_ORIGIN is set.",
  }),
  page: choice("CAISSON_PAGE", {
    choices: ["on", "off"],
    default: "on",
    why: "Whether the page for people is served at / of the agent API.",
  }),
} as const satisfies Record<string, Row<unknown>>;
