/**
 * What a model reads of a cell of Python, and the files that its pictures become.
 */
import { Buffer } from "node:buffer";
import { Effect } from "effect";
import type { CellDisplay, CellOutcome } from "../domain/Cell.ts";
import { makeToken } from "../domain/ids.ts";
import type { executePython } from "../domain/agentTools.ts";
import { imageFault } from "../domain/imageFault.ts";
import { shownImageBytesMax, type ToolImage, type ToolResult } from "../domain/Tool.ts";
import type { SandboxError, SandboxHandle } from "../services/Sandbox.ts";

/** Characters in the name of a cell's pictures: the cells of all kernels of a workspace share one folder. */
const cellNameLength = 8;
/** Characters of everything that was shown as text; what is longer belongs into a file. */
const shownTextMax = 128 * 1024;

type Fields = (typeof executePython.output)["Type"];

const pictures = [["image/png", "png"], ["image/jpeg", "jpg"]] as const;

/** A picture among the forms of a display, as bytes. */
const pictureOf = ({ forms }: CellDisplay) => {
  for (const [mediaType, ending] of pictures) {
    const base64 = forms[mediaType];
    if (base64 !== undefined) return { mediaType, ending, base64 };
  }
  return undefined;
};

/** The form that a model reads best: tables as Markdown, the rest plain. */
const textOf = ({ forms }: CellDisplay): string => forms["text/markdown"] ?? forms["text/plain"] ?? "";

/** A picture as a file for the user; one that cannot be stored is told of instead. */
const stored = (
  sandbox: SandboxHandle,
  path: string,
  bytes: Uint8Array,
): Effect.Effect<string | undefined, SandboxError> =>
  sandbox.writeFile(path, bytes).pipe(
    Effect.as(undefined),
    Effect.catchTag("FileError", ({ message }) => Effect.succeed(`A picture could not be stored: ${message}`)),
  );

/** Why the model is not shown a picture that is a file now; providers refuse a whole request for one that is broken. */
const shownFault = (bytes: Uint8Array): string | undefined =>
  bytes.length > shownImageBytesMax ? `it has more than ${shownImageBytesMax} bytes` : imageFault(bytes);

/** Why variables are gone, and what else must be known. */
const noteOf = (outcome: CellOutcome, problems: ReadonlyArray<string>): string =>
  [
    outcome.restarted ? "Python was started anew before this cell: variables of earlier calls are lost." : "",
    outcome.stateLost ? "Variables are lost; the next call starts Python anew." : "",
    outcome.displaysLeftOut > 0 ? `${outcome.displaysLeftOut} further displays were left out.` : "",
    ...problems,
    outcome.note ?? "",
  ].filter((sentence) => sentence !== "").join(" ");

/** Stores the pictures of a cell under `/artifacts` and puts its outcome into the tool's words. */
export const cellResult = Effect.fnUntraced(function* (
  sandbox: SandboxHandle,
  outcome: CellOutcome,
): Effect.fn.Return<ToolResult, SandboxError> {
  const name = makeToken().replace(/[^a-zA-Z0-9]/g, "").slice(0, cellNameLength);
  const images: Array<ToolImage & { readonly path: string; readonly fault: string | undefined }> = [];
  const texts: Array<string> = [];
  const problems: Array<string> = [];
  let result: string | undefined;
  let left = shownTextMax;
  for (const display of outcome.displays) {
    const picture = pictureOf(display);
    if (picture !== undefined) {
      const { mediaType, ending, base64 } = picture;
      const path = `/artifacts/cell-${name}-${images.length + 1}.${ending}`;
      const bytes = Buffer.from(base64, "base64");
      const problem = yield* stored(sandbox, path, bytes);
      if (problem === undefined) images.push({ path, mediaType, base64, fault: shownFault(bytes) });
      else problems.push(problem);
      continue;
    }
    const text = textOf(display);
    left -= text.length;
    if (left < 0) problems.push("Some of what was shown was left out, for it is too long.");
    else if (display.kind === "result") result = text;
    else texts.push(text);
  }
  for (const { path, fault } of images) if (fault !== undefined) problems.push(`${path} is not shown: ${fault}.`);
  const { stdout, stderr, error, outputPath, egress } = outcome;
  const note = noteOf(outcome, [...new Set(problems)]);
  const structured: Fields = {
    stdout,
    stderr,
    ...(result !== undefined && { result }),
    ...(texts.length > 0 && { displays: texts }),
    ...(error !== undefined && {
      error: error.traceback === "" ? `${error.name}: ${error.message}` : error.traceback,
    }),
    images: images.map(({ path }) => path),
    ...(outcome.restarted && { restarted: true }),
    ...(outcome.stateLost && { state_lost: true }),
    ...(outcome.timedOut && { timed_out: true }),
    ...(outcome.oomKilled && { oom_killed: true }),
    ...(outcome.truncated && { truncated: true }),
    ...(outputPath !== undefined && { output_path: outputPath }),
    ...(note !== "" && { note }),
  };
  const shown = images.flatMap(({ fault, ...image }) => fault === undefined ? [image] : []);
  return {
    text: JSON.stringify(structured),
    isError: false,
    structured,
    ...(shown.length > 0 && { images: shown }),
    ...(egress !== undefined && { egress }),
  };
});
