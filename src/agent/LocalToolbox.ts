/**
 * The toolbox of a process that runs sandboxes itself.
 */
import { Effect, Layer, Scope } from "effect";
import { Settings } from "../config.ts";
import type { Owner } from "../domain/Owner.ts";
import { Egress } from "../services/Egress.ts";
import { PromptTexts } from "../services/PromptTexts.ts";
import { Sandbox } from "../services/Sandbox.ts";
import { Skills } from "../services/Skills.ts";
import { Toolbox } from "../services/Toolbox.ts";
import { ToolsLibrary } from "../services/ToolsLibrary.ts";
import { systemPrompt } from "./systemPrompt.ts";
import { handleAccessCall } from "./accessHandler.ts";
import { handlePreviewCall } from "./previewHandler.ts";
import { makeToolCalls } from "./toolHandlers.ts";
import { handleWebCall } from "./webHandlers.ts";
import { accessDeclaration } from "../domain/accessRequest.ts";
import { declarations } from "../domain/agentTools.ts";
import { previewDeclaration } from "../domain/previewTool.ts";
import { declarationOf, webFetch, webSearch } from "../domain/webTools.ts";
import { Previews } from "../services/Previews.ts";
import { WebReader } from "../services/WebReader.ts";

/**
 * Tools that work on the Sandbox port.
 *
 * *Details*: an owner's sandbox is acquired at the first call that needs it and held until the scope
 * that opened the tools closes, so it cannot idle away between the calls of a run. Each call asks for
 * it again, which costs nothing while it lives and yields its replacement once it died.
 */
export const layer: Layer.Layer<Toolbox, never, Sandbox | Settings> = Layer.effect(
  Toolbox,
  Effect.gen(function* () {
    const sandbox = yield* Sandbox;
    const settings = yield* Settings;
    const skills = yield* Skills;
    const library = yield* ToolsLibrary;
    const texts = yield* PromptTexts;
    const handleToolCall = makeToolCalls();
    const web = yield* WebReader;
    const previews = yield* Previews;
    const access = sandbox.info.hasEgress === true ? (yield* Egress).access : undefined;
    const offered = [
      ...declarations,
      ...(previews.off === undefined ? [previewDeclaration] : []),
      ...(web.fetch === undefined ? [] : [declarationOf(webFetch)]),
      ...(web.search === undefined ? [] : [declarationOf(webSearch)]),
      ...(access === undefined ? [] : [accessDeclaration]),
    ];
    /** The prompt last composed: composing it anew for every run would cost more than all other set-up. */
    let composed: { readonly of: ReadonlyArray<unknown>; readonly prompt: string } | undefined;
    return Toolbox.of({
      open: Effect.fnUntraced(function* (owner: Owner) {
        const scope = yield* Scope.Scope;
        let held = false;
        const hold = Effect.tap(Scope.provide(sandbox.open(owner), scope), () =>
          Effect.sync(() => {
            held = true;
          }));
        const acquire = Effect.suspend(() => held ? sandbox.open(owner) : hold);
        return {
          declarations: offered,
          call: (call, options) =>
            Effect.scoped(
              Effect.flatMap(Effect.scope, (callScope) => {
                const ownAcquire = Scope.provide(acquire, callScope);
                return handleWebCall(call, owner, web, ownAcquire) ??
                  handlePreviewCall(call, owner, previews, ownAcquire) ??
                  handleAccessCall(call, owner, access, options) ?? handleToolCall(call, ownAcquire, options);
              }),
            ),
        };
      }),
      systemPrompt: () =>
        Effect.gen(function* () {
          const { skills: skillsCatalogue } = yield* skills.catalogue;
          const toolsLibrary = yield* library.modules;
          const { notes: sandboxNotes } = sandbox.info;
          const of = [skillsCatalogue, toolsLibrary, sandboxNotes];
          if (composed !== undefined && of.every((part, index) => part === composed?.of[index])) return composed.prompt;
          const prompt = systemPrompt({
            agentName: settings.agentName,
            sandboxNotes,
            skillsCatalogue,
            toolsLibrary,
            ...texts,
          });
          composed = { of, prompt };
          return prompt;
        }),
      serverConnected: Effect.succeed(null),
    });
  }),
);
