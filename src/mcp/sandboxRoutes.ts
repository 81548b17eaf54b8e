/**
 * `GET /sandbox` and `POST /sandbox/v1/{name}`: the private requests of a process whose sandboxes are here.
 *
 * Who calls, for whom, and how often is asked exactly as for the tools.
 */
import { Context, Effect, Layer, Option, Schema, type Scope, Sink, Stream } from "effect";
import { HttpRouter, type HttpServerRequest, HttpServerResponse } from "effect/http";
import { Settings } from "../config.ts";
import { Sandbox } from "../services/Sandbox.ts";
import { framesMediaType, framesOf } from "../services/sandboxFrames.ts";
import { sandboxDeclaration, type SandboxMethodName, sandboxMethods, silenceMax } from "../services/sandboxProtocol.ts";
import type { LimitsService } from "../services/Limits.ts";
import type { Caller } from "./callers.ts";
import { answerOf, type Refusal } from "./errors.ts";
import { makeRemoteCommands } from "./remoteCommands.ts";
import { ArgumentsRefused, type RequestParts, responders } from "./sandboxRequests.ts";

/** Whether a request is one of these, whose bodies are streams: they have as long as something comes. */
export const isSandboxRequest = (path: string): boolean => path.startsWith("/sandbox/v1/");

/** Bytes of a request's arguments: a command as long as a sandbox takes, each character escaped. */
const argumentsBytesMax = 8 * 1024 * 1024;

/** The parts that all private requests of a server share. */
export class SandboxRequests extends Context.Service<SandboxRequests, RequestParts>()("caisson/mcp/SandboxRequests") {
  /** The requests over the Sandbox port. */
  static readonly layer: Layer.Layer<SandboxRequests, never, Sandbox | Settings> = Layer.effect(
    SandboxRequests,
    Effect.gen(function* () {
      const { keepAliveSeconds } = yield* Settings;
      return {
        sandbox: yield* Sandbox,
        commands: yield* makeRemoteCommands,
        keepAliveMs: keepAliveSeconds * 1000,
      };
    }),
  );
}

const params = HttpRouter.schemaPathParams(Schema.Struct({ name: Schema.String }));

const isMethod = (name: string): name is SandboxMethodName => Object.hasOwn(sandboxMethods, name);

/** There is no such request in this version. */
class UnknownRequest extends Schema.TaggedError<UnknownRequest>()("UnknownRequest", {}) {}

type Refused = Refusal | ArgumentsRefused | UnknownRequest;

const refusedAnswer = (error: Refused): HttpServerResponse.HttpServerResponse => {
  switch (error._tag) {
    case "UnknownRequest":
      return HttpServerResponse.jsonUnsafe({ error: "There is no such request" }, { status: 404 });
    case "ArgumentsRefused":
      return HttpServerResponse.jsonUnsafe({ error: error.why.slice(0, whyMax) }, { status: 400 });
    default: {
      const { status, headers, body } = answerOf(error);
      return HttpServerResponse.jsonUnsafe(body, { status, headers });
    }
  }
};

/** Characters of a decoder's message that are told. */
const whyMax = 300;

/** Makes both handlers; `admit` tells who calls, or refuses. */
export const sandboxRoutes = (
  parts: RequestParts,
  limits: LimitsService,
  admit: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<Caller, Refusal>,
) => {
  const serve = Effect.fnUntraced(function* (
    request: HttpServerRequest.HttpServerRequest,
  ): Effect.fn.Return<HttpServerResponse.HttpServerResponse, Refused, HttpRouter.RouteContext | Scope.Scope> {
    const { owner } = yield* admit(request);
    const { name } = yield* Effect.mapError(params, () => new UnknownRequest());
    if (!isMethod(name)) return yield* new UnknownRequest();
    if (sandboxMethods[name].isCounted) yield* limits.admit(owner);
    const heard = Stream.timeoutOrElse(framesOf(request.stream, argumentsBytesMax), {
      duration: silenceMax,
      orElse: () => Stream.fail(new ArgumentsRefused({ why: "the request fell silent" })),
    });
    const [first, frames] = yield* Stream.peel(heard, Sink.head()).pipe(
      Effect.mapError(() => new ArgumentsRefused({ why: "the request could not be read" })),
    );
    if (Option.isNone(first) || first.value.kind !== "message") {
      return yield* new ArgumentsRefused({ why: "the first frame holds no arguments" });
    }
    const answer = yield* responders[name](parts, {
      owner,
      arguments: first.value.payload,
      frames,
    });
    return HttpServerResponse.stream(answer, { contentType: framesMediaType });
  });

  return {
    declaration: (request: HttpServerRequest.HttpServerRequest) =>
      admit(request).pipe(
        Effect.map(() => HttpServerResponse.jsonUnsafe(sandboxDeclaration(parts.sandbox))),
        Effect.catch((refusal) => Effect.succeed(refusedAnswer(refusal))),
      ),
    request: (request: HttpServerRequest.HttpServerRequest) =>
      Effect.catch(serve(request), (refused) => Effect.succeed(refusedAnswer(refused))),
  };
};
