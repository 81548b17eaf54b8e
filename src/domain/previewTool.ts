/**
 * The tool by which a model gets a link to a server that it started, offered only where previews are made.
 */
import { Schema } from "effect";
import { type AgentTool, jsonSchemaOf } from "./agentTools.ts";
import type { ToolDeclaration } from "./Tool.ts";

const define = <const Name extends string, Arguments extends Schema.Top, Output extends Schema.Top>(
  declaration: AgentTool<Name, Arguments, Output>,
): AgentTool<Name, Arguments, Output> => declaration;

/** `preview_port`: a link under which the user sees what a server in the sandbox serves. */
export const previewPort = define({
  name: "preview_port",
  title: "Show a web server",
  description:
    "Return a link under which the user opens a web server of the sandbox in a browser. Start the server first with " +
    "execute_bash and background: true, then give the user the url as it is.",
  arguments: Schema.Struct({
    port: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 })).annotate({
      description: "The port that the server listens on",
    }),
  }),
  output: Schema.Struct({ url: Schema.String, port: Schema.Int, minutes_left: Schema.Int }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
});

/** The tool as a model is offered it. */
export const previewDeclaration: ToolDeclaration = {
  name: previewPort.name,
  description: previewPort.description,
  parameters: jsonSchemaOf(previewPort.arguments),
};
