/**
 * The MCP server, composed; it needs no agent and no model.
 */
import { Effect, Layer } from "effect";
import * as Skills from "../adapters/skills/Disk.ts";
import * as Announce from "../announcements.ts";
import { limits as measuredLimits } from "../telemetry/limits.ts";
import { toolbox as measuredToolbox } from "../telemetry/toolbox.ts";
import { logs, logsBesideProtocol, telemetry } from "./ground.ts";
import { loaded } from "./loaded.ts";
import { announceSettings, identity, limits, toolbox, workplace } from "./tools.ts";

/** What the MCP server needs: tools and sandboxes of its own process, whatever `MCP_SERVER_URL` says. */
const mcpServices = Layer.mergeAll(
  Layer.provideMerge(measuredToolbox(toolbox), workplace),
  identity,
  measuredLimits(limits),
  Skills.layer,
);

const mcpHttpDoor = Layer.unwrap(Effect.map(loaded(() => import("../mcp/http.ts")), ({ layer }) => layer));
const mcpStdioDoor = Layer.unwrap(Effect.map(loaded(() => import("../mcp/stdio.ts")), ({ layer }) => layer));

/** The MCP server over streamable HTTP, listening until its scope closes. */
export const mcpHttp = Layer.mergeAll(
  Announce.sandbox,
  Layer.provideMerge(Announce.door("MCP server", Announce.connectToMcp), mcpHttpDoor),
).pipe(
  Layer.provide(mcpServices),
  Layer.provide(telemetry),
  Layer.merge(announceSettings),
  Layer.provideMerge(logs),
);

/** The MCP server over standard streams, until the client goes. */
export const mcpStdio = Layer.mergeAll(Announce.sandbox, mcpStdioDoor).pipe(
  Layer.provide(mcpServices),
  Layer.provide(telemetry),
  Layer.merge(announceSettings),
  Layer.provideMerge(logsBesideProtocol),
);
