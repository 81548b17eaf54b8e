/**
 * Further MCP servers whose tools are offered to the model, in the shape MCP clients share.
 */
import { Option, Schema } from "effect";

/** A server reached over streamable HTTP; headers may hold its credentials. */
export const HttpToolServer = Schema.Struct({
  type: Schema.optionalKey(Schema.Literals(["http", "streamable-http", "streamableHttp"])),
  url: Schema.String.check(Schema.isPattern(/^https?:\/\//)),
  headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
});
export type HttpToolServer = typeof HttpToolServer.Type;

/** A server started as a child process that speaks over its standard streams. */
export const StdioToolServer = Schema.Struct({
  type: Schema.optionalKey(Schema.Literal("stdio")),
  command: Schema.String.check(Schema.isMinLength(1)),
  args: Schema.optionalKey(Schema.Array(Schema.String)),
  env: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  cwd: Schema.optionalKey(Schema.String),
});
export type StdioToolServer = typeof StdioToolServer.Type;

export const ToolServer = Schema.Union([HttpToolServer, StdioToolServer]);
export type ToolServer = typeof ToolServer.Type;

/** The servers by the name that prefixes their tools. */
export type ToolServers = Readonly<Record<string, ToolServer>>;

/** A name fit for a prefix: providers allow little in a tool's name, and at most 64 characters in all. */
const serverName = /^[A-Za-z0-9-]{1,24}$/;

const servers = Schema.Record(Schema.String, ToolServer);
const decodeWrapped = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ mcpServers: servers })));
const decodeBare = Schema.decodeUnknownOption(Schema.fromJsonString(servers));

/** Reads `{"mcpServers": {name: …}}`, or the inner object alone; none when any entry is not understood. */
export const parseToolServers = (json: string): Option.Option<ToolServers> =>
  decodeWrapped(json).pipe(
    Option.map(({ mcpServers }): ToolServers => mcpServers),
    Option.orElse(() => decodeBare(json)),
    Option.filter((found) => Object.keys(found).every((name) => serverName.test(name))),
  );
