/**
 * Responses that are known on one connection only: those that are not to be stored, for as long as it is open.
 *
 * It stands before the store, so that whoever looks for a response finds it in either.
 */
import { Effect, Option } from "effect";
import type { OwnerKey } from "../../../../domain/Owner.ts";
import {
  type Chain,
  chainAfter,
  noChain,
  type ResponseStoreService,
  type StoredResponse,
} from "../../../../services/ResponseStore.ts";

/** Responses that a connection remembers; clients go on from the last, or from one of the last few. */
const responsesMax = 32;
/** Characters that they hold together, those that they go on from counted once for each. */
const charactersMax = 32 * 1024 * 1024;

interface Known {
  readonly response: StoredResponse;
  readonly chain: Chain;
  readonly characters: number;
}

/** The responses of one connection, those made first first. */
export class ConnectionResponses implements ResponseStoreService {
  readonly #known = new Map<string, Known>();
  readonly #store: ResponseStoreService;
  #characters = 0;
  /** What the request that is read now goes on from. */
  #continued: string | undefined;

  constructor(store: ResponseStoreService) {
    this.#store = store;
  }

  static #name(owner: OwnerKey, id: string): string {
    return `${owner} ${id}`;
  }

  readonly put: ResponseStoreService["put"] = (owner, response) =>
    Effect.gen({ self: this }, function* () {
      const { previous, body } = response;
      const before = previous === null ? undefined : this.#known.get(ConnectionResponses.#name(owner, previous));
      if (body["store"] !== false) {
        yield* this.#store.put(owner, response);
        // What a stored response goes on from may be known here alone.
        if (before === undefined) return;
      }
      if (body["status"] !== "completed" && body["status"] !== "incomplete") return;
      const found = before === undefined && previous !== null
        ? yield* this.#store.chain(owner, previous)
        : Option.none();
      this.#add(owner, response, before, Option.getOrElse(found, () => noChain));
    });

  #add(owner: OwnerKey, response: StoredResponse, before: Known | undefined, stored: Chain): void {
    const { turn, body, input } = response;
    const characters = (before?.characters ?? 0) + JSON.stringify([turn, body, input]).length;
    const chain = chainAfter(before?.chain ?? stored, turn);
    this.#known.set(ConnectionResponses.#name(owner, response.id), {
      response: { ...response, events: null },
      chain,
      characters,
    });
    this.#characters += characters;
    for (const [name, known] of this.#known) {
      if (this.#known.size <= responsesMax && this.#characters <= charactersMax) return;
      this.#known.delete(name);
      this.#characters -= known.characters;
    }
  }

  readonly find: ResponseStoreService["find"] = (owner, id) => {
    const known = this.#known.get(ConnectionResponses.#name(owner, id));
    return known === undefined ? this.#store.find(owner, id) : Effect.succeed(Option.some(known.response));
  };

  readonly chain: ResponseStoreService["chain"] = (owner, id) =>
    Effect.suspend(() => {
      const name = ConnectionResponses.#name(owner, id);
      const known = this.#known.get(name);
      if (known === undefined) return this.#store.chain(owner, id);
      this.#continued = name;
      return Effect.succeed(Option.some(known.chain));
    });

  readonly renew: ResponseStoreService["renew"] = (owner, id, untilMs) => this.#store.renew(owner, id, untilMs);
  // A call that waits is known to all: its client may come back on another line.
  readonly hold: ResponseStoreService["hold"] = (owner, id, waiting) => this.#store.hold(owner, id, waiting);
  readonly held: ResponseStoreService["held"] = (owner, id) => this.#store.held(owner, id);
  readonly claim: ResponseStoreService["claim"] = (owner, id) => this.#store.claim(owner, id);
  readonly settle: ResponseStoreService["settle"] = (owner, id, outcome) => this.#store.settle(owner, id, outcome);
  readonly remove: ResponseStoreService["remove"] = (owner, id) => this.#store.remove(owner, id);
  readonly erase: ResponseStoreService["erase"] = (owner) => this.#store.erase(owner);

  /** A request begins. */
  begin(): void {
    this.#continued = undefined;
  }

  /** The request has failed: what it went on from is forgotten, as OpenAI's connections do. */
  forget(): void {
    if (this.#continued === undefined) return;
    this.#characters -= this.#known.get(this.#continued)?.characters ?? 0;
    this.#known.delete(this.#continued);
  }
}
