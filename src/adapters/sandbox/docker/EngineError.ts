/**
 * What goes wrong when an engine is asked for something, by kind, so that callers can decide.
 */
import { Option, Schema } from "effect";
import { RuntimeUnavailable, SandboxError, StartFailed } from "../../../services/Sandbox.ts";
import { headOf } from "../../../domain/cutText.ts";

/**
 * `Unavailable`: nobody answers at the socket. `Denied`: the machine does not let this user use it.
 * `NotGranted`: Deno was not told to let this process use it. `NotFound`,
 * `Conflict`: the engine's own 404 and 409. `Refused`: it understood and will not. `Fault`: its 5xx,
 * or an answer that is not what its API promises. `Timeout`: no answer in time.
 */
export const EngineErrorKind = Schema.Literals([
  "Unavailable",
  "Denied",
  "NotGranted",
  "NotFound",
  "Conflict",
  "Refused",
  "Fault",
  "Timeout",
]);
export type EngineErrorKind = typeof EngineErrorKind.Type;

/** A call to the engine that did not succeed. */
export class EngineError extends Schema.TaggedError<EngineError>()("EngineError", {
  operation: Schema.String,
  kind: EngineErrorKind,
  detail: Schema.String,
}) {
  override get message(): string {
    return `engine call ${this.operation} failed: ${this.kind}: ${this.detail}`;
  }
}

/** Engine messages can hold a whole build log; only the beginning is kept. */
const detailCharsMax = 500;

const decodeThrown = Schema.decodeUnknownOption(Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  message: Schema.optionalKey(Schema.String),
  code: Schema.optionalKey(Schema.String),
  statusCode: Schema.optionalKey(Schema.Number),
  json: Schema.optionalKey(Schema.Unknown),
}));
const decodeBody = Schema.decodeUnknownOption(Schema.Struct({ message: Schema.String }));

const kindOf = (status: number | undefined, code: string | undefined, name: string | undefined): EngineErrorKind => {
  if (status === 404) return "NotFound";
  if (status === 409) return "Conflict";
  if (status !== undefined) return status >= 500 ? "Fault" : "Refused";
  if (name === "NotCapable") return "NotGranted";
  if (code === "EACCES" || code === "EPERM") return "Denied";
  if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTSOCK") return "Unavailable";
  return code === "ECONNRESET" ? "Timeout" : "Fault";
};

/** Classifies whatever dockerode or a socket rejected with. */
export const fromThrown = (operation: string, thrown: unknown): EngineError =>
  Option.match(decodeThrown(thrown), {
    onNone: () => new EngineError({ operation, kind: "Fault", detail: headOf(String(thrown), detailCharsMax) }),
    onSome: (error) => {
      const body = Option.getOrUndefined(decodeBody(error.json))?.message;
      return new EngineError({
        operation,
        kind: kindOf(error.statusCode, error.code, error.name),
        detail: headOf(body ?? error.message ?? error.code ?? "no message", detailCharsMax),
      });
    },
  });

/** Nobody can be asked, as opposed to one who was asked and did not do it. */
const outOfReach: ReadonlySet<EngineErrorKind> = new Set(["Unavailable", "Denied", "NotGranted"]);

/** Says an engine failure in the words of the Sandbox port. */
export const toSandboxError = (error: EngineError): SandboxError =>
  new SandboxError({
    reason: outOfReach.has(error.kind) ? new RuntimeUnavailable() : new StartFailed(),
    detail: error.kind === "Denied"
      ? `${error.message}; this user becomes one who may use it by: sudo usermod -aG docker "$USER", and a new login`
      : error.message,
  });
