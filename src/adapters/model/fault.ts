/**
 * A provider's failure before it is known which request it belongs to.
 *
 * The pure parts of an adapter speak of faults; the adapter turns one into a `ModelError` or, when
 * the upstream has no such model, a `ModelNotFound`.
 */
import { cutText } from "../../domain/cutText.ts";
import { ModelError, type ModelErrorReason, ModelNotFound, RequestRefused, Unavailable } from "../../services/Model.ts";

/** What went wrong, or that the upstream does not know the model it was asked for. */
export interface Fault {
  readonly reason: ModelErrorReason | { readonly _tag: "UnknownModel" };
  /** The provider's own words, for the log. */
  readonly detail: string;
  readonly cause?: unknown;
  /** What may be told of the detail where the provider's words may not. */
  readonly status?: number;
  readonly code?: string;
  /** The name that the upstream wants instead of the one that the output limit had. */
  readonly limitField?: "max_tokens" | "max_completion_tokens";
}

/** Characters of a provider's text that are kept: enough for a JSON error body, little enough for a log line. */
const detailCharactersMax = 2000;

/** Makes a fault; a longer `detail` is cut. */
export const fault = (reason: Fault["reason"], detail: string, cause?: unknown): Fault => ({
  reason,
  detail: cutText(detail, detailCharactersMax),
  ...(cause === undefined ? {} : { cause }),
});

/** A provider's name of an error; anything else might be a sentence. */
const codeForm = /^[\w.-]{1,64}$/;

/** A fault with the status of its answer and the provider's name of it, as far as it is a name. */
export const named = (found: Fault, status: number | undefined, code: unknown): Fault => ({
  ...found,
  ...(status === undefined ? {} : { status }),
  ...((typeof code === "string" || typeof code === "number") && codeForm.test(String(code)) && { code: String(code) }),
});

/** Characters of a parameter's name that are passed on. */
const paramCharactersMax = 100;
/** A path as providers write it, such as `messages[2].content.0`; anything else might tell internals. */
const paramPath = /^[\w.[\]-]+$/;

/** The fault of a provider that says that the request is wrong, and perhaps where. */
export const refusedRequest = (detail: string, param?: string | null): Fault =>
  fault(
    new RequestRefused(
      typeof param === "string" && param.length <= paramCharactersMax && paramPath.test(param) ? { param } : {},
    ),
    detail,
  );

/** Turns a fault into the error of the request it belongs to. */
export const toFailure = (provider: string, model: string) => (found: Fault): ModelError | ModelNotFound =>
  found.reason._tag === "UnknownModel"
    ? new ModelNotFound({ model, why: `${provider} has no model of this name`, available: [] })
    : new ModelError({
      provider,
      model,
      reason: found.reason,
      ...(found.status === undefined ? {} : { status: found.status }),
      ...(found.code === undefined ? {} : { code: found.code }),
      detail: found.detail,
      ...(found.cause === undefined ? {} : { cause: found.cause }),
    });

/** The fault of an upstream that answered with a status meaning that it cannot work now. */
export const unavailable = (status: number, detail: string, retryAfterMs?: number): Fault =>
  fault(new Unavailable({ status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }), detail);
