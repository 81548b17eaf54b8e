/**
 * What the tool for previews does: it waits for the server to listen, and makes a link to it.
 */
import { Clock, Effect, Schedule } from "effect";
import type { ToolCall } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import { previewPort } from "../domain/previewTool.ts";
import type { ToolResult } from "../domain/Tool.ts";
import { argumentsDecoder } from "../domain/toolArguments.ts";
import type { PreviewsService } from "../services/Previews.ts";
import type { SandboxError, SandboxHandle } from "../services/Sandbox.ts";

/** Between two looks whether something listens. */
const lookAgain = Schedule.spaced("250 millis");
/** Looks in all: a server is up within five seconds, or a model had better see why not. */
const looksMax = 20;

const decodeArguments = argumentsDecoder(previewPort.arguments);

const failed = (message: string): ToolResult => ({ text: `Error: ${message}`, isError: true });

/** Waits until something listens on a port, as long as a start takes. */
const listensOn = (handle: SandboxHandle, port: number) =>
  Effect.scoped(handle.dial(port)).pipe(
    Effect.retry({
      schedule: lookAgain,
      times: looksMax,
      while: (error) => error._tag === "StreamError" && error.reason === "Refused",
    }),
  );

const inMinutes = (ms: number): number => Math.max(0, Math.floor(ms / 60_000));

/**
 * Carries out a call of the tool for previews; undefined when it is another one, or there are none.
 *
 * *Fails with* `SandboxError` only.
 */
export const handlePreviewCall = (
  call: ToolCall,
  owner: Owner,
  previews: PreviewsService,
  acquire: Effect.Effect<SandboxHandle, SandboxError>,
): Effect.Effect<ToolResult, SandboxError> | undefined => {
  if (call.name !== previewPort.name || previews.off !== undefined) return undefined;
  return Effect.gen(function* () {
    const { port } = yield* decodeArguments(call);
    if (owner.ephemeral) {
      return failed("this sandbox ends with the answer, so nobody could open a link to it");
    }
    yield* listensOn(yield* acquire, port);
    const { url, expiresAtMs } = yield* previews.open(owner, port);
    const structured = { url, port, minutes_left: inMinutes(expiresAtMs - (yield* Clock.currentTimeMillis)) };
    return { text: JSON.stringify(structured), isError: false, structured } satisfies ToolResult;
  }).pipe(
    Effect.catchTags({
      SchemaError: (error) => Effect.succeed(failed(`Invalid arguments for ${call.name}: ${error.message}`)),
      StreamError: ({ reason, why }) =>
        Effect.succeed(failed(
          reason === "Refused"
            ? "nothing listens on that port of the sandbox: start the server with execute_bash and background: true, " +
              "look at it with read_job, and call this again"
            : why,
        )),
      PreviewsOff: ({ message }) => Effect.succeed(failed(message)),
    }),
  );
};
