/**
 * What a client asks about an input without having it answered: how many tokens it has, and to have it made shorter.
 */
import { Effect, Stream } from "effect";
import { ownerKey } from "../../../domain/ids.ts";
import { type Message, user, type UserPart } from "../../../domain/Message.ts";
import { messageTokens, textTokens, toolTokens } from "../../../domain/tokenEstimate.ts";
import { type Usage, zero } from "../../../domain/Usage.ts";
import type { RunHandle } from "../../../runs/RunHandle.ts";
import { type RunRequest, Runs } from "../../../runs/Runs.ts";
import { Sessions } from "../../../services/Sessions.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import { rateHeaders } from "../../frame/rateHeaders.ts";
import { RequestNotes } from "../../frame/RequestNotes.ts";
import { json, refused } from "../../frame/respond.ts";
import { notAppliedHeaders } from "../notApplied.ts";
import { usageOut } from "./dialect.ts";
import { itemId } from "./ids.ts";
import type { Asked } from "./read.ts";
import { sealText } from "../../../runs/sealedText.ts";
import type { JsonObject } from "./wire.ts";

/** What the model is asked at the end of a conversation that is to be made shorter. */
const wish = "Write a handover of this conversation for whoever goes on with it and has not read it, except for the " +
  "user's own messages. Say what is wanted, what was done and found, with names, paths, numbers and decisions as " +
  "they are, what failed and why, and what is left to do. Write the handover alone; do not go on with the work.";

const wholeOf = ({ place, messages }: RunRequest): ReadonlyArray<Message> => [...place?.history ?? [], ...messages];

/** Estimates what a request gives a model to read. */
const tokensOf = (run: RunRequest): number =>
  Math.ceil(
    wholeOf(run).reduce((sum, message) => sum + messageTokens(message), 0) +
      (run.instructions ?? []).reduce((sum, text) => sum + textTokens(text), 0) +
      (run.clientTools === undefined || run.clientTools.length === 0 ? 0 : toolTokens(run.clientTools)),
  );

const partOut = (part: UserPart): JsonObject =>
  part._tag === "Text"
    ? { type: "input_text", text: part.text }
    : { type: "input_image", image_url: `data:${part.mediaType};base64,${part.base64}`, detail: "auto" };

/** What the user said, as items. */
const userItems = (messages: ReadonlyArray<Message>, responseId: string): ReadonlyArray<JsonObject> =>
  messages.flatMap((message) => message.role === "user" ? [message] : []).map(({ parts }, index) => ({
    id: itemId("msg", responseId, index + 1),
    type: "message",
    status: "completed",
    role: "user",
    content: parts.map(partOut),
  }));

/** What a run came to: its words, and what they cost. */
const heard = Effect.fnUntraced(function* (run: RunHandle) {
  let text = "";
  let usage: Usage = zero;
  yield* Stream.runForEach(run.events, (event) =>
    Effect.sync(() => {
      if (event._tag === "TextDelta") text += event.text;
      if (event._tag === "RunFinished") usage = event.usage;
    }));
  return { text, usage };
});

/** Builds the handlers over the reader of requests. */
export const makeCompact = <E, R>(read: Effect.Effect<Asked, E, R>) =>
  Effect.gen(function* () {
    const runs = yield* Runs;
    const sessions = yield* Sessions;

    const count = Effect.map(
      read,
      ({ run, notApplied }) =>
        json({ object: "response.input_tokens", input_tokens: tokensOf(run) }, notAppliedHeaders(notApplied)),
    );

    const shorten = Effect.fnUntraced(function* ({ run, begun, notApplied }: Asked) {
      const { owner, model, messages, place, instructions = [] } = run;
      const id = String(begun["id"]);
      const handle = yield* runs.start({
        owner: { ...owner, ephemeral: true },
        model,
        messages: [...messages, user(wish)],
        instructions,
        useTools: false,
        place: { session: id, turn: id, parent: null, history: place?.history ?? [], keep: () => Effect.void },
      });
      return yield* heard(handle).pipe(
        Effect.flatMap(({ text, usage }) =>
          Effect.map(sessions.secret, (secret) => {
            const items = userItems(wholeOf(run), id);
            const compaction = {
              id: itemId("cmp", id, items.length + 1),
              type: "compaction",
              encrypted_content: sealText(secret, ownerKey(owner), text),
            };
            const { created_at } = begun;
            const output = [...items, compaction];
            const body = { id, object: "response.compaction", created_at, output, usage: usageOut(usage) };
            return json(body, { ...rateHeaders(handle.allowance), ...notAppliedHeaders(notApplied) });
          })
        ),
        Effect.catch((error) => refused(error)),
      );
    });

    const compact = Effect.gen(function* () {
      const asked = yield* read;
      if (!asked.namesModel) {
        const why = "Missing required parameter: 'model'.";
        return yield* new InvalidRequest({ param: "model", why, code: "missing_required_parameter" });
      }
      if (asked.run.place?.waiting !== undefined) {
        const why = "A call waits here for its approval, which must be decided first.";
        return yield* new InvalidRequest({ param: "input", why, code: "invalid_value" });
      }
      const notes = yield* RequestNotes;
      notes.user = asked.user;
      notes.model = asked.run.model;
      return yield* shorten(asked);
    });

    return { count, compact };
  });
