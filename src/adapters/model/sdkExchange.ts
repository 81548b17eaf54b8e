/**
 * One request to a provider that a vendor's SDK makes, and its answer.
 *
 * The SDK decides where a request goes, what stands above its body and what an error answer means. What it
 * decided for a model does not change, so it is asked once: what follows goes out in the same envelope.
 */
import type { IncomingMessage } from "node:http";
import { Effect, type Scope } from "effect";
import { RequestRefused } from "../../services/Model.ts";
import type { Arrivals } from "./Arrivals.ts";
import {
  type Agents,
  boundedText,
  connect,
  type Connection,
  describe,
  direct,
  isFault,
  isRedirect,
  isSuccess,
  lost,
  type Outgoing,
  redirected,
} from "./connection.ts";
import type { Cut } from "./Cut.ts";
import { type Fault, fault } from "./fault.ts";

/** How an SDK asks. */
export type Fetch = typeof globalThis.fetch;

// Envelopes --------------------------------------------------------------------------------------

/** Where a request goes and what stands above its body. */
type Envelope = Omit<Outgoing, "body">;

/** The models whose envelopes are kept: more than a deployment uses; the SDK makes the requests of others. */
const envelopesMax = 64;

/**
 * The envelopes in which an SDK's client sends, by model.
 *
 * *Details*: one is learnt from a request that was answered well and whose body the SDK wrote as we do, so that no
 * caller's invented name takes a place; a model whose body differed is left to the SDK for good.
 */
export class Envelopes {
  readonly #known = new Map<string, Envelope | undefined>();

  /** The envelope of a model's requests, once the SDK has shown it. */
  of(model: string): Envelope | undefined {
    return this.#known.get(model);
  }

  /** Takes in how the SDK sent a request; `body` is ours of the same one. */
  learn(model: string, { body: sent, ...envelope }: Outgoing, body: () => string | undefined): void {
    if (this.#known.has(model) || this.#known.size >= envelopesMax) return;
    this.#known.set(model, body() === sent ? envelope : undefined);
  }
}

/** A request of a provider with an SDK. */
export interface SdkRequest {
  readonly model: string;
  /** Lets the SDK make the request and send it with a `fetch` of ours. */
  readonly open: (fetch: Fetch) => PromiseLike<unknown>;
  /** Writes the body as the SDK would; none for a request that only the SDK can make. */
  readonly body: () => string | undefined;
  /** What an error of the SDK's means. */
  readonly explain: (thrown: unknown) => Fault;
}

// Exchange ---------------------------------------------------------------------------------------

/** What a request has come to so far. */
interface Call {
  /** Whether the SDK got as far as sending anything. */
  wasSent: boolean;
  failure: Fault | undefined;
  /** Takes a good answer, which is kept from the SDK. */
  readonly answered: (arrivals: Arrivals) => void;
  /** Takes in how something was sent that was answered well. */
  readonly learn: (outgoing: Outgoing) => void;
}

/** Lets the event loop do what is ready. */
const loopTurn = (): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
};

const headersOf = (init: RequestInit | undefined): Record<string, string> =>
  Object.fromEntries(init?.headers instanceof Headers ? init.headers : new Headers(init?.headers));

/** An error answer as an SDK knows them. */
const responseOf = async (incoming: IncomingMessage): Promise<Response> => {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (typeof value === "string") headers.set(name, value);
  }
  return new Response(await boundedText(incoming), { status: incoming.statusCode ?? 0, headers });
};

/** Keeps why a request failed, as an SDK would not tell it. */
const failed = (call: Call, thrown: unknown): Error => {
  call.failure = isFault(thrown) ? thrown : lost(thrown);
  return new Error("the request failed", { cause: thrown });
};

/** Sends a request; none comes back of a good answer, which goes to the turn. */
const send = async (connection: Connection, call: Call, outgoing: Outgoing): Promise<Response | undefined> => {
  try {
    const incoming = await connection.send(outgoing);
    const status = incoming.statusCode ?? 0;
    if (isRedirect(status)) throw redirected(status);
    if (!isSuccess(status)) return await responseOf(incoming);
    call.learn(outgoing);
    call.answered(connection.read(incoming));
    return undefined;
  } catch (thrown) {
    throw failed(call, thrown);
  }
};

const fetchFor = (connection: Connection, call: Call): Fetch => async (input, init) => {
  call.wasSent = true;
  const body = init?.body;
  if (typeof body !== "string") throw failed(call, new TypeError("expected the SDK to send a text"));
  const url = input instanceof Request ? input.url : String(input);
  const refused = await send(connection, call, { url, headers: headersOf(init), body });
  if (refused !== undefined) return refused;
  // What an SDK makes of an answer without a body is nobody's wait: the first words go before it.
  await loopTurn();
  return new Response("");
};

/** Asks in an envelope that is known; of an error answer the SDK makes what it would if it had asked. */
const askIn = async (connection: Connection, call: Call, outgoing: Outgoing, request: SdkRequest): Promise<unknown> => {
  const refused = await send(connection, call, outgoing);
  return refused === undefined ? undefined : await request.open(() => {
    call.wasSent = true;
    return Promise.resolve(refused);
  });
};

/**
 * Sends a request as an SDK makes it, and succeeds with what arrives.
 *
 * *Details*: with an envelope that is known the SDK is asked only about an error answer, which it sees as its own; else
 * it makes the request, and of a good answer it sees an empty body, after the turn has gone on. What an SDK throws
 * before it sends anything is the request's fault, not the provider's.
 *
 * *Fails with* what `explain` makes of what the SDK throws at an error answer; else as `exchange`.
 */
export const sdkExchange = (
  request: SdkRequest,
  envelopes: Envelopes,
  cut: Cut,
  agents: Agents = direct,
): Effect.Effect<Arrivals, Fault, Scope.Scope> =>
  Effect.flatMap(connect(agents), (connection) =>
    Effect.callback<Arrivals, Fault>((resume) => {
      cut.whenCut((failure) => resume(Effect.fail(failure)));
      const call: Call = {
        wasSent: false,
        failure: undefined,
        answered: (arrivals) => resume(Effect.succeed(arrivals)),
        learn: (outgoing) => envelopes.learn(request.model, outgoing, request.body),
      };
      const asked = async () => {
        const envelope = envelopes.of(request.model);
        const body = envelope === undefined ? undefined : request.body();
        return await (envelope === undefined || body === undefined
          ? request.open(fetchFor(connection, call))
          : askIn(connection, call, { ...envelope, body }, request));
      };
      // Whatever the SDK says after a good answer comes second, and is not heard.
      asked().then(
        () => resume(Effect.fail(lost(new Error("the SDK answered without a request")))),
        (thrown) =>
          resume(Effect.fail(
            call.failure ??
              (call.wasSent ? request.explain(thrown) : fault(new RequestRefused(), describe(thrown), thrown)),
          )),
      );
    }));

/** A `fetch` that refuses redirects, for what is asked of a provider beside its turns. */
export const fetchWithoutRedirects: Fetch = (input, init) => fetch(input, { ...init, redirect: "error" });
