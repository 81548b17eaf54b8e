/**
 * What a Chat Completions request comes to: a run to start, and how it is to be shown.
 */
import { Effect, Option } from "effect";
import { HttpServerRequest } from "effect/http";
import { Settings } from "../../../config.ts";
import { sessionOwner } from "../../../domain/identity.ts";
import { makeId, ownerKey } from "../../../domain/ids.ts";
import type { Owner } from "../../../domain/Owner.ts";
import { parseToolRules } from "../../../domain/ToolRule.ts";
import type { RunRequest } from "../../../runs/Runs.ts";
import { makeFindUnnamedOwner, type UnnamedOwner } from "../../../runs/unnamedOwners.ts";
import type { ConversionOptions } from "../../../services/Converter.ts";
import { Model } from "../../../services/Model.ts";
import { ArtifactLinks } from "../../caisson/ArtifactLinks.ts";
import { Caller } from "../../frame/Caller.ts";
import { isBackgroundTask, readChatUi } from "../../frame/chatUi.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import { RequestNotes } from "../../frame/RequestNotes.ts";
import { readAttempt } from "../attempt.ts";
import { Bodies } from "../../../web/body.ts";
import type { FindFile } from "../contentParts.ts";
import { Files } from "../../../runs/Files.ts";
import { namedFiles } from "../namedFiles.ts";
import { keeperOf } from "../responses/read.ts";
import { decodeRequest } from "../decode.ts";
import { chooseSession } from "../sessionChoice.ts";
import { noted, notTaken } from "../notApplied.ts";
import { fieldNamesOf } from "./fieldNames.ts";
import { sampled } from "./parameters.ts";
import { toRunRequest } from "./toRunRequest.ts";
import { chooseView, splitModel, viewHeader } from "./views.ts";

const mebibyte = 1024 * 1024;

/** A request that is understood. */
export interface Chat {
  readonly run: RunRequest;
  readonly streams: boolean;
  /** How the response looks, but for what only the run knows. */
  readonly shown: Omit<ConversionOptions, "id" | "createdSeconds">;
  /** What is left out: parameters that the model's provider does not take, and places of messages and tools. */
  readonly notApplied: ReadonlyArray<string>;
  /** The user as the log names it, even where the run has an owner of its own. */
  readonly user: string;
}

/** An owner that lives for one request, for work that must leave no trace in a user's session. */
const ownerOfTask = (owner: Owner): Owner => ({ ...owner, user: makeId("task"), ephemeral: true });

/** The turn that `metadata.parent_turn` names: `root` is none, so that what is said begins the conversation anew. */
const parentTurnOf = (metadata: Readonly<Record<string, string>> | null | undefined): RunRequest["parent"] => {
  const named = metadata?.["parent_turn"];
  return named === undefined ? undefined : named === "root" ? { _tag: "Root" } : { _tag: "After", turn: named };
};

/** The rules of `metadata.ask`: a client may have more asked for, never less. */
const asksOf = Effect.fnUntraced(function* (metadata: Readonly<Record<string, string>> | null | undefined) {
  const written = metadata?.["ask"];
  if (written === undefined) return undefined;
  const rules = parseToolRules(written);
  const why = "Expected rules such as Bash(git push *) or write_file with commas between them";
  return rules ?? (yield* new InvalidRequest({ param: "metadata.ask", why, code: "invalid_value" }));
});

/** Finds files by the ids of this server, in the workspace of one owner only. */
const filesOf = (links: ArtifactLinks["Service"], owner: Owner): FindFile => (id) =>
  links.open(id).pipe(
    Option.filter((place) => ownerKey(place.owner) === ownerKey(owner)),
    Option.map(({ path }) => path),
  );

/** Makes the reader of requests; what is not supported is refused by it, by name. */
export const makeReadChat = Effect.gen(function* () {
  const bodies = yield* Bodies;
  const links = yield* ArtifactLinks;
  const files = yield* Files;
  const models = yield* Model;
  const settings = yield* Settings;
  const findUnnamedOwner = yield* makeFindUnnamedOwner;
  const bounds = { messagesMax: settings.messagesMax, attachmentBytesMax: settings.artifactMbMax * mebibyte };

  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const { headers } = request;
    const caller = yield* Caller;
    const text = yield* bodies.text(request, {
      bytesMax: settings.bodyBytesMax,
      typed: caller.identity.principal.kind === "anonymous",
    });
    const { body, leftOut } = yield* decodeRequest(text);
    (yield* RequestNotes).names = fieldNamesOf(body);
    const named = namedFiles(files, keeperOf(caller, body));
    const { answerOnly, ...said } = yield* toRunRequest(body, {
      ...bounds,
      findFile: filesOf(links, caller.ownerOf(body)),
      named,
    });

    const modelName = body.model ?? (yield* models.defaultModel);
    const { model, view: suffix } = splitModel(modelName);
    const view = yield* chooseView({
      header: headers[viewHeader],
      metadata: body.metadata?.["view"],
      suffix,
      fallback: settings.toolView,
    });

    const ui = readChatUi(headers);
    const isTask = isBackgroundTask(ui, said.messages, said.instructions ?? []);
    const session = yield* chooseSession(headers, body.metadata, ui);
    const { owner: user, ownConversation }: UnnamedOwner = caller.namesUser(body) || isTask
      ? { owner: caller.ownerOf(body) }
      : session.sessionId !== undefined
      ? { owner: sessionOwner(caller.identity, session.sessionId, settings.unnamed) }
      : yield* findUnnamedOwner(caller.identity, said.messages);
    const owner = isTask ? ownerOfTask(user) : user;
    const linkBase = links.baseOf(request);
    const parent = parentTurnOf(body.metadata);
    const ask = yield* asksOf(body.metadata);
    const run: RunRequest = {
      ...said,
      storedFiles: named.read,
      ...(parent !== undefined && { parent }),
      ...(ask !== undefined && { ask }),
      detached: body.metadata?.["detached"] === "true",
      ...session,
      ...(ownConversation !== undefined && { ownConversation, sendsWholeHistory: true }),
      owner,
      model,
      useTools: !isTask,
      attempt: yield* readAttempt(caller.identity.principal, headers, text),
      describe: (file, imageType) => links.describe(linkBase, owner, file, imageType),
    };
    const chat: Chat = {
      run,
      streams: body.stream === true,
      shown: {
        // Our own calls are not shown as `tool_calls` where the client must answer its own.
        view: view === "tool_calls" && said.clientTools.length > 0 ? "text" : view,
        model: modelName,
        includeUsage: body.stream_options?.include_usage ?? false,
        answerOnly,
      },
      notApplied: yield* noted([...yield* notTaken(sampled(body), models.find(model)), ...leftOut]),
      user: ownConversation !== undefined || user.user === "" ? user.principal : `${user.principal}/${user.user}`,
    };
    return chat;
  });
});
