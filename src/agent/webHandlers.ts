/**
 * What the tools of the web do: the server reads, and the sandbox gets files.
 */
import { Effect, type Schema } from "effect";
import { cutText } from "../domain/cutText.ts";
import { type EgressRecord, EgressTally } from "../domain/EgressRecord.ts";
import type { ToolCall } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import type { ToolResult } from "../domain/Tool.ts";
import { argumentsDecoder } from "../domain/toolArguments.ts";
import { searchResults, webFetch, webSearch } from "../domain/webTools.ts";
import type { FileError, SandboxError, SandboxHandle } from "../services/Sandbox.ts";
import type { WebPage, WebReaderService, WebUnavailable } from "../services/WebReader.ts";

/** Characters of a page that the model reads at once; the file has the rest. */
const shownMax = 20_000;
/** Kinds of connections that the record of one call has; its redirects are fewer. */
const recordsMax = 8;
/** Characters of a file's name that come from its URL. */
const nameMax = 80;

const decodeFetch = argumentsDecoder(webFetch.arguments);
const decodeSearch = argumentsDecoder(webSearch.arguments);

const failed = (message: string): ToolResult => ({ text: `Error: ${message}`, isError: true });

const endings: Readonly<Record<string, string>> = {
  "text/html": "html",
  "application/xhtml+xml": "html",
  "text/plain": "txt",
  "text/markdown": "md",
  "text/csv": "csv",
  "application/json": "json",
  "application/pdf": "pdf",
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/gif": "gif",
  "image/webp": "webp",
  "application/zip": "zip",
};

/** Where a page is saved: its host and path in letters that every shell takes. */
const pathOf = ({ url, mediaType }: WebPage): string => {
  const { hostname, pathname } = new URL(url);
  const ending = endings[mediaType];
  const slug = `${hostname}${pathname}`.replace(/[^A-Za-z0-9.]+/g, "-").slice(0, nameMax).replace(/[-.]$/, "");
  return `/workspace/web/${slug}${ending === undefined || slug.endsWith(`.${ending}`) ? "" : `.${ending}`}`;
};

const shown = (page: WebPage, path: string, textPath: string | undefined): string => {
  const about = `${page.url} (status ${page.status}, ${page.mediaType}, ${page.body.length} bytes` +
    `${page.isCut ? ", cut there" : ""}), saved as ${path}`;
  if (page.text === undefined) return about;
  const isWhole = page.text.length <= shownMax;
  const whole = isWhole || textPath === undefined ? "" : `\n[cut here: the whole text is in ${textPath}]`;
  return `${about}\n\n${cutText(page.text, shownMax)}${whole}`;
};

type Acquire = Effect.Effect<SandboxHandle, SandboxError>;

const fetched = Effect.fnUntraced(function* (
  page: WebPage,
  acquire: Acquire,
): Effect.fn.Return<ToolResult, FileError | SandboxError> {
  const sandbox = yield* acquire;
  const path = pathOf(page);
  yield* sandbox.writeFile(path, page.body);
  const isMarkdown = page.text !== undefined && path.endsWith(".html");
  const textPath = page.text === undefined ? undefined : isMarkdown ? `${path}.md` : path;
  if (isMarkdown) yield* sandbox.writeFile(`${path}.md`, new TextEncoder().encode(page.text));
  return {
    text: shown(page, path, textPath),
    isError: page.status >= 400,
    structured: {
      url: page.url,
      status: page.status,
      media_type: page.mediaType,
      bytes: page.body.length,
      path,
      ...(page.title !== undefined && { title: page.title }),
      ...(textPath !== undefined && { text_path: textPath }),
      ...(page.isCut && { truncated: true }),
    },
  };
});

const inWords = ({ name, argumentsJson }: ToolCall) => (error: Schema.SchemaError) =>
  failed(`Invalid arguments for ${name}: ${argumentsJson.trim() === "" ? "there are none" : error.message}`);

/**
 * Carries out a call of a web tool; undefined when it is none that is offered.
 *
 * *Fails with* `SandboxError` only.
 */
export const handleWebCall = (
  call: ToolCall,
  owner: Owner,
  reader: WebReaderService,
  acquire: Acquire,
): Effect.Effect<ToolResult, SandboxError> | undefined => {
  const said = (error: WebUnavailable | FileError) => Effect.succeed(failed(error.message));
  const tally = new EgressTally(recordsMax);
  const note = (record: EgressRecord) => tally.add(record);
  const recorded = Effect.map((result: ToolResult): ToolResult => {
    const { summary: egress } = tally;
    return egress === undefined ? result : { ...result, egress };
  });
  if (call.name === webFetch.name && reader.fetch !== undefined) {
    const { fetch } = reader;
    return Effect.matchEffect(decodeFetch(call), {
      onFailure: (error) => Effect.succeed(inWords(call)(error)),
      onSuccess: ({ url }) =>
        Effect.flatMap(fetch(owner, url, note), (page) => fetched(page, acquire)).pipe(
          Effect.catchTags({ WebUnavailable: said, FileError: said }),
          recorded,
        ),
    });
  }
  if (call.name !== webSearch.name || reader.search === undefined) return undefined;
  const { search } = reader;
  return Effect.matchEffect(decodeSearch(call), {
    onFailure: (error) => Effect.succeed(inWords(call)(error)),
    onSuccess: ({ query, count = searchResults.default }) =>
      Effect.map(search(owner, query, count, note), (results): ToolResult => ({
        text: results.length === 0
          ? "No results."
          : results.map(({ title, url, snippet }, at) => `${at + 1}. ${title}\n   ${url}\n   ${snippet}`).join("\n"),
        isError: false,
        structured: { results: results.map((result) => ({ ...result })) },
      })).pipe(Effect.catchTag("WebUnavailable", said), recorded),
  });
};
