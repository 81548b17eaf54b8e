/**
 * What a Responses request comes to: a run to start, and the response as it begins.
 */
import { Clock, Effect, Option, Schema } from "effect";
import { HttpServerRequest } from "effect/http";
import { Settings } from "../../../config.ts";
import { principalName } from "../../../domain/identity.ts";
import { ownerKey } from "../../../domain/ids.ts";
import type { Message } from "../../../domain/Message.ts";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import { Files } from "../../../runs/Files.ts";
import { type RunRequest, Runs, type RunsService } from "../../../runs/Runs.ts";
import { Model, type ModelParameters, type ResponseFormat } from "../../../services/Model.ts";
import { ConversationStore, type ConversationStoreService } from "../../../services/ConversationStore.ts";
import {
  ResponseStore,
  type ResponseStoreService,
  type ResponseTurn,
  type StoredResponse,
} from "../../../services/ResponseStore.ts";
import { Sessions } from "../../../services/Sessions.ts";
import { WebhookOutbox, type WebhookOutboxService } from "../../../services/WebhookOutbox.ts";
import { Bodies, parseJson } from "../../../web/body.ts";
import { Caller, type CallerService, type NamedUsers } from "../../frame/Caller.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import { firstWrong } from "../../frame/firstWrong.ts";
import { RequestNotes } from "../../frame/RequestNotes.ts";
import { responsePastBound } from "../bounds.ts";
import { splitModel } from "../chat/views.ts";
import { namedFiles } from "../namedFiles.ts";
import { type Approvals, approvalsOf, holdAsked, undecidable, waitingIn } from "./approvals.ts";
import { begunOf, conversationOf } from "./begun.ts";
import { type Equip, makeEquip } from "./equip.ts";
import { responsesFieldNames } from "./fieldNames.ts";
import { isHosted, readHosted } from "./hostedTools.ts";
import { makeResponseId } from "./ids.ts";
import { type Keeping, keeping, nowhere } from "./keep.ts";
import { noted, notTaken } from "../notApplied.ts";
import { leftOut, sampled } from "./notApplied.ts";
import { recall, unmatched } from "./recall.ts";
import { type Input, itemsOf, listed, readInput } from "./readInput.ts";
import { sealerOf, type SealThoughts } from "./thoughts.ts";
import { type Offer, readChoice, readTools } from "./tools.ts";
import { type Format, type JsonObject, ResponseRequest } from "./wire.ts";

const mebibyte = 1024 * 1024;

/** A request that is understood. */
export interface Asked {
  readonly run: RunRequest;
  /** Finds or makes the container of its hosted tools; undefined where it names none. */
  readonly kit: ReturnType<Equip>;
  /** The response in progress. */
  readonly begun: JsonObject;
  /** Tools that stood among the input. */
  readonly further: ReadonlyArray<JsonObject>;
  /** Seals the thoughts of its items, where the client carries them. */
  readonly seal: SealThoughts | undefined;
  readonly streams: boolean;
  readonly stored: boolean;
  readonly background: boolean;
  readonly user: string;
  /** What is left out of the request, by its places. */
  readonly notApplied: ReadonlyArray<string>;
  /** The request says which model is to answer it. */
  readonly namesModel: boolean;
  /** Under whom it is kept. */
  readonly keeper: OwnerKey;
  /**
   * The record of a response in which nothing is answered: what is said in it is remembered, with its files where they
   * were put.
   */
  readonly unanswered: (
    body: JsonObject,
    said: ReadonlyArray<Message>,
    container: string | undefined,
  ) => StoredResponse;
}

/** How requests are read. */
export interface Reading {
  /** Every response is given to the store, which sorts out by itself those that are not to be stored. */
  readonly keepsAll: boolean;
}

const invalid = (param: string | null, why: string, code: string | null = "invalid_value") =>
  new InvalidRequest({ param, why, code });

/**
 * Under whom responses are kept: the user that is named, else the principal itself.
 *
 * *Details*: where strangers share a principal nothing is ever listed, and an id cannot be guessed.
 */
export const keeperOf = (caller: CallerService, named: NamedUsers = {}): Owner =>
  caller.namesUser(named)
    ? caller.ownerOf(named)
    : { principal: principalName(caller.identity.principal), user: "", ephemeral: false };

const decodeBody = Schema.decodeUnknownEffect(ResponseRequest);
const isObject = Schema.is(Schema.Record(Schema.String, Schema.Unknown));

/** Fields of OpenAI's that are refused, because leaving them out would change what the client means. */
const refusedFields: ReadonlyArray<string> = ["prompt", "moderation"];

const decode = Effect.fnUntraced(function* (body: unknown) {
  if (!isObject(body) || Array.isArray(body)) {
    return yield* invalid(null, "Expected the body to be a JSON object", "invalid_type");
  }
  const tooMany = responsePastBound(body);
  if (tooMany !== undefined) return yield* tooMany;
  const given = (name: string) => body[name] !== undefined && body[name] !== null;
  if (given("conversation") && given("previous_response_id")) {
    const why = "Mutually exclusive parameters: 'previous_response_id' and 'conversation' cannot be used together.";
    return yield* invalid("previous_response_id", why, "mutually_exclusive_parameters");
  }
  const refused = refusedFields.find(given);
  if (refused !== undefined) {
    return yield* invalid(
      refused,
      `The '${refused}' parameter is not supported by this server`,
      "unsupported_parameter",
    );
  }
  if (Array.isArray(body["include"]) && body["include"].includes("message.output_text.logprobs")) {
    return yield* invalid("include", "This server gives no logprobs", "unsupported_value");
  }
  const decoded = yield* Effect.mapError(decodeBody(body), ({ issue }) => {
    const { param, why } = firstWrong(issue);
    return invalid(param, `Invalid ${param === null ? "request" : `'${param}'`}: ${why}`);
  });
  return { body: decoded, given: body };
});

const formatOf = (format: Format): ResponseFormat => {
  switch (format.type) {
    case "text":
      return { _tag: "Text" };
    case "json_object":
      return { _tag: "JsonObject" };
    case "json_schema":
      return { _tag: "JsonSchema", name: format.name, schema: { ...format.schema }, strict: format.strict ?? false };
  }
};

const parametersOf = (body: ResponseRequest, { choice }: Offer): ModelParameters => ({
  ...(typeof body.temperature === "number" && { temperature: body.temperature }),
  ...(typeof body.top_p === "number" && { topP: body.top_p }),
  ...(typeof body.max_output_tokens === "number" && body.max_output_tokens > 0 &&
    { outputTokensMax: body.max_output_tokens }),
  ...(typeof body.parallel_tool_calls === "boolean" && { parallelToolCalls: body.parallel_tool_calls }),
  ...(body.reasoning?.effort && { reasoningEffort: body.reasoning.effort }),
  ...(body.text?.verbosity && { verbosity: body.text.verbosity }),
  ...(body.text?.format && { responseFormat: formatOf(body.text.format) }),
  ...(choice !== undefined && { toolChoice: choice }),
});

/** What a response's place among those before it depends on. */
interface Placing extends Pick<Keeping, "seal" | "begun" | "previous" | "background" | "draining" | "stop" | "input"> {
  readonly store: ResponseStoreService;
  readonly owner: Owner;
  readonly waiting: Approvals["waiting"];
  readonly said: Input;
  readonly history: ReadonlyArray<Message>;
  readonly stored: boolean;
  readonly outbox: WebhookOutboxService | undefined;
  readonly conversation: string | undefined;
  readonly conversations: ConversationStoreService;
}

/** Where a response's run is placed, and how it is kept. */
const placed = (
  { owner, said, waiting, history, stored, conversation, conversations, outbox, ...keep }: Placing,
): Pick<RunRequest, "place" | "recorded"> => {
  const { messages, instructions, tools: further } = said;
  const id = String(keep.begun["id"]);
  // Of a reply to what was asked nothing is remembered before it has come to something: it can be given again.
  let turn: ResponseTurn = { messages: waiting.length > 0 ? [] : messages, instructions };
  return {
    place: {
      session: conversation ?? keep.previous ?? id,
      turn: id,
      parent: keep.previous,
      history,
      canAsk: true,
      ...waitingIn(keep.store, owner, waiting, messages),
      keep: (made) =>
        Effect.map(holdAsked(keep.store, owner, made), (asked) => {
          turn = { messages: made.messages, instructions, ...asked };
        }),
    },
    ...((stored || conversation !== undefined) && {
      recorded: keeping({
        ...keep,
        store: stored ? keep.store : nowhere,
        further,
        owner: ownerKey(owner),
        turn: () => turn,
        ...(outbox !== undefined && keep.background && { outbox }),
        ...(conversation !== undefined && {
          join: (output, turn) =>
            // A conversation that was deleted meanwhile takes nothing more.
            Effect.asVoid(
              conversations.append(ownerKey(owner), conversation, { id, items: [...keep.input, ...output], turn }),
            ),
        }),
      }),
    }),
  };
};

/** What a request says of its run beside what is said in it. */
const optionsOf = (body: ResponseRequest, offer: Offer) => ({
  parameters: parametersOf(body, offer),
  clientTools: offer.tools.map(({ declaration }) => declaration),
  useTools: false,
  detached: body.background ?? false,
  ...(typeof body.max_tool_calls === "number" && { ownCallsMax: body.max_tool_calls }),
  ...(body.truncation && { truncation: body.truncation }),
});

/** How a request wants to be answered. */
const manner = (body: ResponseRequest): Pick<Asked, "streams" | "background" | "namesModel"> => ({
  streams: body.stream === true,
  background: body.background ?? false,
  namesModel: typeof body.model === "string",
});

/** The tools that a request offers, those among its input too. */
const offerOf = Effect.fnUntraced(function* (body: ResponseRequest, said: Input, answered: boolean) {
  const named = [...(body.tools ?? []), ...said.tools];
  const places = [...(body.tools ?? []).map((_, index) => `tools[${index}]`), ...said.toolPlaces];
  const hosted = yield* readHosted(named, places);
  const tools = yield* readTools(named, hosted, places);
  // A model that must call something and is offered nothing would be asked for an answer, and nobody told.
  if (answered && body.tool_choice === "required" && tools.length === 0 && hosted === undefined) {
    return yield* invalid("tool_choice", "Tool choice 'required' must be specified with 'tools' parameter.");
  }
  return yield* readChoice(body.tool_choice, tools, hosted);
});

/** Ends the run of a response, where it goes on in this process. */
const stopTurn = Effect.fnUntraced(function* (runs: RunsService, owner: Owner, id: string) {
  const run = (yield* runs.list(owner)).find(({ turn, status }) => turn === id && status === "in_progress");
  if (run !== undefined) yield* runs.cancel(owner, run.id);
});

/** The record of a response that only remembers what was said. */
const unansweredOf = (
  { begun, previous, input }: Pick<Keeping, "begun" | "previous" | "input">,
  { messages, instructions }: Input,
  body: JsonObject,
  container: string | undefined,
): StoredResponse => ({
  id: String(begun["id"]),
  previous,
  body,
  input,
  events: [],
  turn: { messages, instructions },
  aliveUntilMs: 0,
  ...(container !== undefined && { container }),
});

/** Makes the reader of bodies; `answered` says whether a model is to answer. */
export const makeReadBody = Effect.fnUntraced(function* ({ keepsAll }: Reading) {
  const models = yield* Model;
  const store = yield* ResponseStore;
  const runs = yield* Runs;
  const settings = yield* Settings;

  const conversations = yield* ConversationStore;
  const outbox = Option.isSome(settings.webhookUrl) ? yield* WebhookOutbox : undefined;
  const { secret } = yield* Sessions;
  const { resolve, before, thoughtsIn } = recall(store, conversations, secret);
  const readApprovals = approvalsOf(store);
  const equip = yield* makeEquip;
  const files = yield* Files;

  return Effect.fnUntraced(function* (sent: unknown, answered = true) {
    const caller = yield* Caller;
    (yield* RequestNotes).names = responsesFieldNames;
    const { body, given } = yield* decode(sent);
    const stored = body.store ?? true;
    const background = body.background ?? false;
    if (background && !stored) return yield* invalid("background", "Background mode requires 'store' to be true.");
    const owner = keeperOf(caller, body);
    const previous = body.previous_response_id ?? null;
    const conversation = conversationOf(body);
    const chain = yield* before(owner, previous, conversation);
    const items = itemsOf(body.input ?? []);
    if (items.length > settings.messagesMax) {
      return yield* invalid("input", `At most ${settings.messagesMax} items are accepted`);
    }
    const resolved = yield* resolve(owner, items);
    const { asked: asks, waiting } = yield* readApprovals(owner, resolved, chain);
    const named = namedFiles(files, owner);
    const said = yield* readInput(resolved, {
      named,
      bytesMax: settings.artifactMbMax * mebibyte,
      keepsFiles: (body.tools ?? []).some(isHosted),
      thoughts: yield* thoughtsIn(owner, resolved),
      asked: asks,
    });
    const history = chain.messages;
    if (answered && history.length + said.messages.length === 0) {
      return yield* invalid("input", "Missing required parameter: 'input'.", "missing_required_parameter");
    }
    const refused = unmatched(chain, said.messages, new Set(waiting.map(({ call }) => call.id)));
    if (refused !== undefined) return yield* refused;
    const offer = yield* offerOf(body, said, answered);
    const undecided = undecidable(waiting, offer.hosted?.names ?? [], answered);
    if (undecided !== undefined) return yield* undecided;
    const modelName = body.model ?? (yield* models.defaultModel);
    const { model } = splitModel(modelName);
    const id = makeResponseId();
    const begun = begunOf(body, id, modelName, yield* Clock.currentTimeMillis);
    const own = body.instructions ? [body.instructions] : [];
    const isCarried = body.include?.includes("reasoning.encrypted_content") === true;
    const seal = isCarried ? sealerOf(yield* secret, ownerKey(owner)) : undefined;
    const kept = { store, begun, previous, background, seal, draining: runs.draining, stop: stopTurn(runs, owner, id) };
    const keep = { ...kept, input: listed(items, id), history, conversation, conversations, outbox };
    const run = {
      ...placed({ ...keep, owner, said, waiting, stored: stored || keepsAll }),
      owner: stored ? owner : { ...owner, ephemeral: true },
      messages: said.messages,
      instructions: [...own, ...chain.instructions, ...said.instructions],
    };
    const asked: Asked = {
      run: { ...run, model, storedFiles: named.read, ...optionsOf(body, offer) },
      kit: equip(owner, offer.hosted, { items, previous, conversation }),
      begun,
      further: said.tools,
      seal,
      stored,
      notApplied: yield* noted([...yield* notTaken(sampled(given), models.find(model)), ...leftOut(given)]),
      user: owner.user === "" ? owner.principal : `${owner.principal}/${owner.user}`,
      keeper: ownerKey(owner),
      unanswered: (body, messages, container) => unansweredOf(keep, { ...said, messages }, body, container),
      ...manner(body),
    };
    return asked;
  });
});

/** Makes the reader of requests. */
export const makeRead = Effect.gen(function* () {
  const bodies = yield* Bodies;
  const { bodyBytesMax } = yield* Settings;
  const readBody = yield* makeReadBody({ keepsAll: false });
  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const typed = (yield* Caller).identity.principal.kind === "anonymous";
    const text = yield* bodies.text(request, { bytesMax: bodyBytesMax, typed });
    return yield* readBody(yield* parseJson(text));
  });
});
