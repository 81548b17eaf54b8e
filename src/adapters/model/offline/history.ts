/**
 * What earlier messages say about files.
 */
import { Option, Schema } from "effect";
import { type Message, textOf, toolCallsOf } from "../../../domain/Message.ts";
import { understand } from "./understand.ts";

const Written = Schema.fromJsonString(Schema.Struct({ file_path: Schema.String }));
const decodeWritten = Schema.decodeUnknownOption(Written);

/** Messages of the user that are read again; what is older is not what "just created" means. */
const rereadMax = 8;

/**
 * The file written last in a conversation.
 *
 * The calls themselves tell it; a history that a client resent without its tool calls is read again
 * from the user's own words.
 */
export const writtenFile = (messages: ReadonlyArray<Message>): string | undefined => {
  for (const call of messages.flatMap(toolCallsOf).toReversed()) {
    const written = call.name === "write_file" ? decodeWritten(call.argumentsJson) : Option.none();
    if (Option.isSome(written)) return written.value.file_path;
  }
  for (const message of messages.filter(({ role }) => role === "user").slice(-rereadMax).toReversed()) {
    const steps = understand(textOf(message), { file: undefined, tools: [] });
    const step = steps.findLast((candidate) => candidate._tag === "Write");
    if (step?._tag === "Write") return step.path;
  }
  return undefined;
};
