/**
 * The WebReader port over the judge of egress, and over a search engine of the operator's choice.
 */
import { Buffer } from "node:buffer";
import { Clock, Duration, Effect, Layer, Option, Schema } from "effect";
import { type ConfigurationRefused, Settings, type SettingsService } from "../../config.ts";
import { cutText } from "../../domain/cutText.ts";
import type { EgressRecord } from "../../domain/EgressRecord.ts";
import { hostName, httpPort, tlsPort } from "../../domain/EgressRule.ts";
import { ownerKey } from "../../domain/ids.ts";
import type { Owner } from "../../domain/Owner.ts";
import { type FetchPage, type WebPage, WebReader, type WebResult, WebUnavailable } from "../../services/WebReader.ts";
import { Allowances } from "../egress/Allowances.ts";
import { readCertificates } from "../egress/Configured.ts";
import { type JudgeContext, reach } from "../egress/judge.ts";
import { machine, type Outside, type OutsideEnd } from "../egress/Outside.ts";
import { markdownOf } from "./markdown.ts";
import { readResponse, type Response } from "./response.ts";

/** Bytes of a page: what a workspace and a reader bear. */
const pageBytesMax = 8 * 1024 * 1024;
/** Characters of HTML that become Markdown, in one step of the event loop. */
const htmlCharsMax = 1024 * 1024;
/** Redirects of one page: browsers stop at twenty, real pages at two. */
const redirectsMax = 5;
const fetchMax = Duration.seconds(30);
const searchMax = Duration.seconds(15);
const searchBytesMax = 2 * 1024 * 1024;
/** Characters of a title or a snippet. */
const snippetMax = 500;
const urlMax = 2_000;

const mib = 1024 * 1024;

const unavailable = (why: string) => new WebUnavailable({ why });

/** What a URL leads to, undefined for what no rule could allow. */
const targetOf = (text: string): { readonly url: URL; readonly host: string; readonly port: number } | undefined => {
  if (text.length > urlMax || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const host = hostName(url.hostname);
  const isWeb = (url.protocol === "https:" || url.protocol === "http:") && url.username === "" && url.password === "";
  const port = url.port === "" ? (url.protocol === "https:" ? tlsPort : httpPort) : Number(url.port);
  return isWeb && host !== undefined ? { url, host, port } : undefined;
};

/** All that comes until the end, at most so many bytes. */
const readAll = (end: OutsideEnd, count: (bytes: number) => string | undefined) =>
  Effect.gen(function* () {
    const parts: Array<Uint8Array> = [];
    let length = 0;
    while (length < pageBytesMax) {
      const piece = yield* end.read;
      if (piece === undefined) return { bytes: Buffer.concat(parts), isCut: false };
      const why = count(piece.length);
      if (why !== undefined) return yield* unavailable(why);
      parts.push(piece);
      length += piece.length;
    }
    return { bytes: Buffer.concat(parts), isCut: true };
  });

const charsetOf = (type: string): string =>
  type.split(";").map((part) => part.trim().toLowerCase()).find((part) => part.startsWith("charset="))?.slice(8) ?? "";

/** The text of a body by its charset; UTF-8 where there is none, or one that nobody knows. */
const textOf = (body: Uint8Array, type: string): string => {
  try {
    return new TextDecoder(charsetOf(type).replaceAll('"', "") || "utf-8").decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
};

const pageOf = (url: string, { status, headers, body }: Response, isCut: boolean): WebPage => {
  const type = headers.get("content-type") ?? "application/octet-stream";
  const mediaType = (type.split(";")[0] ?? "").trim().toLowerCase();
  const page = { url, status, mediaType, body, isCut };
  if (mediaType === "text/html" || mediaType === "application/xhtml+xml") {
    const { title, text } = markdownOf(cutText(textOf(body, type), htmlCharsMax), url);
    return { ...page, text, ...(title !== undefined && { title: cutText(title, snippetMax) }) };
  }
  const isText = mediaType.startsWith("text/") || /^application\/([a-z.-]+\+)?(json|xml|yaml)$/.test(mediaType);
  return isText ? { ...page, text: textOf(body, type) } : page;
};

interface FetchContext {
  readonly judge: JudgeContext;
  readonly allowances: Allowances;
  readonly certificates: string;
}

/** One request and its response, at a name and an address that were judged. */
const exchangeOnce = Effect.fnUntraced(function* (
  context: FetchContext,
  owner: Owner,
  text: string,
  onConnection: (connection: EgressRecord) => void,
) {
  const target = targetOf(text);
  if (target === undefined) return yield* unavailable(`${cutText(text, snippetMax)} is no http or https URL of a name`);
  const { url, host, port } = target;
  const carried = { upBytes: 0, downBytes: 0 };
  const tell = (verdict: EgressRecord["verdict"], why?: string) =>
    onConnection({ host, port, verdict, connections: 1, ...carried, ...(why !== undefined && { why }) });
  const failed = (verdict: EgressRecord["verdict"]) => ({ why }: { readonly why: string }) => {
    tell(verdict, why);
    return Effect.fail(unavailable(`${host}:${port}: ${why}`));
  };
  const share = context.allowances.enter(ownerKey(owner), yield* Clock.currentTimeMillis);
  if (typeof share === "string") {
    tell("refused", share);
    return yield* unavailable(share);
  }
  yield* Effect.addFinalizer(() => Effect.sync(share.leave));
  const work = Effect.gen(function* () {
    const { connection } = yield* reach(context.judge, host, port);
    const end = url.protocol === "https:" ? yield* connection.secured(host, context.certificates) : connection;
    const lines = [
      `GET ${url.pathname}${url.search} HTTP/1.1`,
      `Host: ${url.host}`,
      "User-Agent: caisson",
      "Accept: text/html, text/*;q=0.9, */*;q=0.5",
      "Accept-Encoding: identity",
      "Connection: close",
    ];
    const request = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
    yield* end.write(request);
    carried.upBytes = request.length;
    const clock = yield* Clock.Clock;
    return yield* readAll(end, (bytes) => {
      carried.downBytes += bytes;
      return share.count(bytes, clock.currentTimeMillisUnsafe());
    });
  });
  const { bytes, isCut } = yield* work.pipe(
    Effect.onInterrupt(() => Effect.sync(() => tell("failed", "it did not come in time"))),
    Effect.tapErrorTag("WebUnavailable", ({ why }) => Effect.sync(() => tell("allowed", why))),
    Effect.catchTags({ Refused: failed("refused"), OutsideError: failed("failed") }),
  );
  tell("allowed");
  const response = readResponse(bytes);
  return response === undefined ? yield* unavailable(`${host} did not answer in HTTP/1.1`) : { url, response, isCut };
}, Effect.scoped);

const fetchPage = (context: FetchContext): FetchPage => (owner, text, onConnection = () => {}) =>
  Effect.gen(function* () {
    let next = text;
    for (let redirects = 0; redirects <= redirectsMax; redirects++) {
      const { url, response, isCut } = yield* exchangeOnce(context, owner, next, onConnection);
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 308 || location === undefined) {
        return pageOf(url.href, response, isCut);
      }
      next = URL.canParse(location, url) ? new URL(location, url).href : location;
    }
    return yield* unavailable(`${cutText(text, snippetMax)} leads on more than ${redirectsMax} times`);
  }).pipe(Effect.timeoutOrElse({
    duration: fetchMax,
    orElse: () => Effect.fail(unavailable("the page did not come in time")),
  }));

const decodeResults = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Struct({
  results: Schema.Array(Schema.Struct({
    url: Schema.String,
    title: Schema.optionalKey(Schema.NullOr(Schema.String)),
    content: Schema.optionalKey(Schema.NullOr(Schema.String)),
  })),
})));

/** The body of the search engine's answer, bounded. */
const askEngine = async (url: URL, signal: AbortSignal): Promise<string> => {
  const response = await fetch(url, { signal, redirect: "error", headers: { accept: "application/json" } });
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
  const parts: Array<Uint8Array> = [];
  let length = 0;
  for await (const part of response.body) {
    parts.push(part);
    length += part.length;
    if (length > searchBytesMax) throw new Error("an answer that is too long");
  }
  return Buffer.concat(parts).toString("utf8");
};

/** Asks an engine that answers as SearXNG does. *Source*: its search API, `format=json`. */
const searchAt =
  (base: string) => (query: string, count: number): Effect.Effect<ReadonlyArray<WebResult>, WebUnavailable> => {
    const url = new URL("search", base.endsWith("/") ? base : `${base}/`);
    url.searchParams.set("q", query);
    url.searchParams.set("format", "json");
    return Effect.tryPromise({
      try: (signal) => askEngine(url, signal),
      catch: () => unavailable("the search engine does not answer"),
    }).pipe(
      Effect.timeoutOrElse({
        duration: searchMax,
        orElse: () => Effect.fail(unavailable("the search engine did not answer in time")),
      }),
      Effect.flatMap((body) =>
        Effect.mapError(
          decodeResults(body),
          () => unavailable("the search engine answered something else than results"),
        )
      ),
      Effect.map(({ results }) =>
        results.slice(0, count).map(({ url: found, title, content }) => ({
          url: cutText(found, urlMax),
          title: cutText(title ?? "", snippetMax),
          snippet: cutText(content ?? "", snippetMax),
        }))
      ),
    );
  };

const contextOf = (outside: Outside, settings: SettingsService, certificates: string): FetchContext => ({
  judge: {
    outside,
    policy: settings.webFetch === "open" ? { _tag: "Open" } : { _tag: "Allowlist", rules: settings.egressAllow },
    privateRanges: settings.egressPrivate,
  },
  certificates,
  allowances: new Allowances({
    connectionsMax: settings.egressConnectionsMax,
    connectionsPerMinute: settings.egressConnectionsPerMinute,
    bytesPerConnection: settings.egressMbPerConnection * mib,
    bytesPerDay: settings.egressMbPerDay * mib,
  }),
});

/** The port over a network that is given; `certificates` are trusted beside the runtime's. */
export const layerOver = (outside: Outside, certificates = ""): Layer.Layer<never, never, Settings> =>
  Layer.effect(
    WebReader,
    Effect.map(Settings, (settings) => ({
      fetch: settings.webFetch === "off" ? undefined : fetchPage(contextOf(outside, settings, certificates)),
      search: Option.getOrUndefined(Option.map(settings.webSearchUrl, searchAt)),
    })),
  );

/**
 * What the server reads of the web over the network of this machine, as the settings say. *Fails with*
 * `ConfigurationRefused` when the file of certificates cannot be used.
 */
export const layer: Layer.Layer<never, ConfigurationRefused, Settings> = Layer.unwrap(
  Effect.map(Effect.flatMap(Settings, readCertificates), (certificates) => layerOver(machine, certificates)),
);
