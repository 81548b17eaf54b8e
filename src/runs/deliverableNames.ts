/**
 * The files that an answer names.
 */
import { workspaceFolder } from "../domain/workspacePaths.ts";

/** Characters of an answer that are looked through, from its end, where files are named. */
const answerCharactersMax = 64 * 1024;
/** Files of one answer that are looked at: as many as a run's files are told. */
const namedMax = 20;
/** Characters of a path that is looked at. */
const pathCharactersMax = 400;

/** Files with these endings can be looked into; of others only that they are there and not empty. */
const readable = /\.(?:docx|pptx|xlsx|pdf|png|json|csv)$/i;

const absolute = /^\/(?:workspace|artifacts)\/./;
const hasEnding = /\.[A-Za-z0-9]{1,8}$/;

/** A file as the answer names it, and where that is. */
export interface NamedFile {
  readonly path: string;
  readonly fullPath: string;
  /**
   * What it means that there is no such file: `exact`, that it is missing; `anywhere`, that it may be in another folder
   * of the workspace; `perhaps`, nothing, because the words may be more than a path; `made`, nothing either, and one
   * that lies there is meant only if the run changed it.
   */
  readonly place: "exact" | "anywhere" | "perhaps" | "made";
}

const tokensOf = (text: string): ReadonlyArray<string> => [
  // A name in code may hold spaces.
  ...text.split("`").filter((part, at) => at % 2 === 1 && part.includes(" ") && absolute.test(part)),
  ...text.split(/[\s`'"()<>[\]{}|*,;]/),
];

const trimmed = (token: string): string => {
  let end = token.length;
  while (end > 0 && ".:!?…。，".includes(token.charAt(end - 1))) end--;
  const start = token.startsWith("sandbox:") ? "sandbox:".length : 0;
  return token.slice(start, end);
};

const namedBy = (path: string, callArguments: ReadonlyArray<string>): NamedFile | undefined => {
  if (!path.isWellFormed() || path.includes("/../") || !hasEnding.test(path)) return undefined;
  if (absolute.test(path)) return { path, fullPath: path, place: path.includes(" ") ? "perhaps" : "exact" };
  if (path.startsWith("/") || path.startsWith("../") || path.includes(":") || !readable.test(path)) return undefined;
  const name = path.startsWith("./") ? path.slice(2) : path;
  const isSpokenOf = callArguments.some((text) => text.includes(path));
  return { path, fullPath: `${workspaceFolder}/${name}`, place: isSpokenOf ? "anywhere" : "made" };
};

/**
 * The files that an answer names, each once.
 *
 * *Details*: those named by an absolute path in the workspace, and those of a readable kind that are named by a
 * relative one. Of a name that the run's calls did not speak of only a file that the run made is meant, so that one
 * that an explanation mentions is not missed.
 * Linear in the answer's length, which is bounded.
 */
export const filesNamedIn = (answer: string, callArguments: ReadonlyArray<string>): ReadonlyArray<NamedFile> => {
  const named = new Map<string, NamedFile>();
  for (const token of tokensOf(answer.slice(-answerCharactersMax))) {
    if (named.size >= namedMax) break;
    if (token.length > pathCharactersMax || token.includes("\n")) continue;
    const file = namedBy(trimmed(token), callArguments);
    if (file !== undefined && !named.has(file.fullPath)) named.set(file.fullPath, file);
  }
  return [...named.values()];
};
