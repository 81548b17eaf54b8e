/**
 * The form of `POST /v1/files`: the file goes to its place while it arrives, the other fields are read.
 */
import { Buffer } from "node:buffer";
import { Effect, Schema, Stream } from "effect";
import { headOf } from "../../../domain/cutText.ts";
import type { AboutFile, FilesFull, IncomingFile } from "../../../runs/Files.ts";
import { FilePurpose, type FilesUnavailable } from "../../../services/FileStore.ts";
import { quoted } from "../../../web/errors/Row.ts";
import type { FormEvent } from "../../../web/FormReader.ts";
import type { UploadError } from "../../caisson/uploads.ts";
import { InvalidRequest } from "../../frame/errors.ts";

/** Bytes of a field that is no file: the longest has a few words. */
const fieldBytesMax = 1_024;
/** Characters of a file's name that are kept. */
const nameMax = 255;
/** OpenAI's bounds of the time that a client asks for, in seconds. */
const secondsMin = 3_600;
const secondsMax = 2_592_000;

const fieldNames = ["purpose", "expires_after[anchor]", "expires_after[seconds]"] as const;
type FieldName = typeof fieldNames[number];

const isPurpose = Schema.is(FilePurpose);
const wrong = (param: string, why: string, code: string | null = "invalid_value") =>
  new InvalidRequest({ param, why, code });
const missing = (param: string) =>
  wrong(param, `Missing required parameter: '${param}'.`, "missing_required_parameter");

const purposeOf = (text: string | undefined): Effect.Effect<FilePurpose, InvalidRequest> => {
  if (text === undefined) return Effect.fail(missing("purpose"));
  if (isPurpose(text)) return Effect.succeed(text);
  const names = FilePurpose.literals.map((name) => `'${name}'`).join(", ");
  return Effect.fail(wrong("purpose", `'${quoted(text)}' is not one of [${names}] - 'purpose'`));
};

/** The form so far; of two fields of one name the first counts. */
class FileForm {
  filename: string | undefined;
  readonly fields = new Map<FieldName, string>();
  private part: FieldName | "file" | undefined;
  private pieces: Array<Uint8Array> = [];
  private length = 0;

  /** Takes an event in; what comes back are bytes of the file. */
  take(event: FormEvent): Effect.Effect<Uint8Array | undefined, InvalidRequest> {
    if (event._tag === "Part") {
      this.part = undefined;
      [this.pieces, this.length] = [[], 0];
      if (event.name === "file" && this.filename === undefined) {
        if (event.filename === undefined) return Effect.fail(wrong("file", "Expected a file in the form field 'file'"));
        [this.filename, this.part] = [event.filename, "file"];
      } else this.part = fieldNames.find((name) => name === event.name && !this.fields.has(name));
    } else if (event._tag === "Bytes" && this.part === "file") return Effect.succeed(event.bytes);
    else if (event._tag === "Bytes" && this.part !== undefined) {
      this.length += event.bytes.length;
      if (this.length > fieldBytesMax) return Effect.fail(wrong(this.part, `At most ${fieldBytesMax} bytes`));
      this.pieces.push(event.bytes);
    } else if (event._tag === "PartEnd" && this.part !== undefined && this.part !== "file") {
      const text = new TextDecoder().decode(Buffer.concat(this.pieces));
      this.fields.set(this.part, text);
      // What is refused anyway need not arrive whole.
      if (this.part === "purpose") return Effect.as(purposeOf(text), undefined);
    }
    return Effect.succeed(undefined);
  }
}

/** The name without the folders that some clients send before it. */
const nameOf = (filename: string): string => {
  const name = headOf(filename.slice(Math.max(filename.lastIndexOf("/"), filename.lastIndexOf("\\")) + 1), nameMax);
  return name.trim() === "" ? "file" : name;
};

const keptSecondsOf = ({ fields }: FileForm): Effect.Effect<number | undefined, InvalidRequest> => {
  const anchor = fields.get("expires_after[anchor]");
  const text = fields.get("expires_after[seconds]");
  if (anchor === undefined && text === undefined) return Effect.succeed(undefined);
  if (anchor === undefined) return Effect.fail(missing("expires_after[anchor]"));
  if (anchor !== "created_at") return Effect.fail(wrong("expires_after[anchor]", "Expected 'created_at'"));
  if (text === undefined) return Effect.fail(missing("expires_after[seconds]"));
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  return seconds >= secondsMin && seconds <= secondsMax
    ? Effect.succeed(seconds)
    : Effect.fail(wrong("expires_after[seconds]", `Expected a whole number from ${secondsMin} to ${secondsMax}`));
};

/**
 * Reads a form to its end and writes its file as it arrives.
 *
 * *Fails with* `InvalidRequest` naming the field, besides what arriving and writing fail with.
 */
export const readFileForm = Effect.fnUntraced(function* (
  events: Stream.Stream<FormEvent, UploadError>,
  incoming: IncomingFile,
): Effect.fn.Return<AboutFile, UploadError | FilesFull | FilesUnavailable> {
  const form = new FileForm();
  yield* Stream.runForEach(
    events,
    (event) => Effect.flatMap(form.take(event), (bytes) => bytes === undefined ? Effect.void : incoming.write(bytes)),
  );
  const { filename } = form;
  if (filename === undefined) return yield* missing("file");
  const purpose = yield* purposeOf(form.fields.get("purpose"));
  const keptSeconds = yield* keptSecondsOf(form);
  return { filename: nameOf(filename), purpose, ...(keptSeconds !== undefined && { keptSeconds }) };
});
