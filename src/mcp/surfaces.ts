/**
 * The production surface: tools and prompt of the session's owner, from the agent's own toolbox.
 */
import { Effect, Layer } from "effect";
import type { ServerCapabilities } from "@modelcontextprotocol/sdk/types";
import { Settings } from "../config.ts";
import type { Owner } from "../domain/Owner.ts";
import { policyOf } from "../domain/toolPolicy.ts";
import { Sandbox } from "../services/Sandbox.ts";
import { sandboxDeclaration, sandboxProtocol } from "../services/sandboxProtocol.ts";
import { Skills } from "../services/Skills.ts";
import { Toolbox } from "../services/Toolbox.ts";
import { promptMethods } from "./promptMethods.ts";
import { resourceMethods } from "./resourceMethods.ts";
import { Surfaces } from "./Surface.ts";
import { toolMethods, type WithTools } from "./toolMethods.ts";

const instructions = "These tools run bash and Python and keep files in a sealed sandbox that is yours alone. " +
  "Its working directory is /workspace; files stay between calls. " +
  "The prompt agent_system_prompt says what is installed and which skills there are.";

/**
 * Surfaces over the Toolbox port; `experimental` are the capabilities beside those of the protocol.
 *
 * *Details*: tools are opened for each call, so that a session that only stays connected keeps no
 * sandbox running. A one-request owner's sandbox ends with its last user, so its tools are held as long as
 * the session.
 */
const layerWith = (
  experimental: ServerCapabilities["experimental"],
): Layer.Layer<Surfaces, never, Settings | Toolbox> =>
  Layer.effect(
    Surfaces,
    Effect.gen(function* () {
      const toolbox = yield* Toolbox;
      const skills = yield* Skills;
      const policy = policyOf(yield* Settings, [], true);

      const perCall = (owner: Owner): WithTools => (use) => Effect.scoped(Effect.flatMap(toolbox.open(owner), use));

      const perSession = (owner: Owner) =>
        Effect.map(Effect.exit(toolbox.open(owner)), (tools): WithTools => (use) => Effect.flatMap(tools, use));

      return Surfaces.of({
        open: Effect.fnUntraced(function* (owner) {
          const withTools = owner.ephemeral ? yield* perSession(owner) : perCall(owner);
          return {
            capabilities: {
              tools: {},
              prompts: {},
              resources: {},
              logging: {},
              ...(experimental !== undefined && { experimental }),
            },
            instructions,
            methods: new Map([
              ...toolMethods(withTools, policy),
              ...promptMethods(toolbox.systemPrompt(owner)),
              ...resourceMethods(skills),
            ]),
          };
        }),
      });
    }),
  );

/** Surfaces over the Toolbox port. */
export const layer = layerWith(undefined);

/** The same, declaring the private requests that stand beside `/mcp`. */
export const layerHttp = Layer.unwrap(
  Effect.map(Sandbox, (sandbox) =>
    layerWith({
      [sandboxProtocol.name]: { ...sandboxDeclaration(sandbox), path: `/${sandboxProtocol.path}` },
    })),
);
