/**
 * The tool for previews beside tools that live behind a server, where this process makes the links.
 */
import { Effect, Layer, Scope } from "effect";
import { previewDeclaration, previewPort } from "../domain/previewTool.ts";
import { Previews } from "../services/Previews.ts";
import { Sandbox } from "../services/Sandbox.ts";
import { Toolbox } from "../services/Toolbox.ts";
import { handlePreviewCall } from "./previewHandler.ts";

/**
 * Adds `preview_port` to a toolbox while the sandboxes have ports; without previews it is the toolbox itself.
 *
 * *Details*: it wins over a tool of that name behind the server, whose links are another door's.
 */
export const previewedToolbox = <E, R>(inner: Layer.Layer<Toolbox, E, R>): Layer.Layer<Toolbox, E, R | Sandbox> =>
  Layer.effect(
    Toolbox,
    Effect.gen(function* () {
      const toolbox = yield* Toolbox;
      const sandbox = yield* Sandbox;
      const previews = yield* Previews;
      if (previews.off !== undefined) return toolbox;
      const hasPorts = sandbox.hasPorts ?? Effect.succeed(sandbox.dial !== undefined);
      return Toolbox.of({
        ...toolbox,
        open: Effect.fnUntraced(function* (owner) {
          const [tools, isOffered] = yield* Effect.all([toolbox.open(owner), hasPorts], { concurrency: 2 });
          if (!isOffered) return tools;
          const others = tools.declarations.filter(({ name }) => name !== previewPort.name);
          return {
            declarations: [...others, previewDeclaration],
            call: (call, options) =>
              Effect.scoped(
                Effect.flatMap(Effect.scope, (scope) =>
                  handlePreviewCall(call, owner, previews, Scope.provide(sandbox.open(owner), scope)) ??
                    tools.call(call, options)),
              ),
          };
        }),
      });
    }),
  ).pipe(Layer.provide(inner));
