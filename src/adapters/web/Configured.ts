/**
 * The WebReader port over the judge of egress, and over a search engine of the operator's choice.
 */
import { Buffer } from "node:buffer";
import { Clock, Duration, Effect, Layer, Option, Schema } from "effect";
import { type ConfigurationRefused, Settings, type SettingsService } from "../../config.ts";
import { cutText } from "../../domain/cutText.ts";
import type { EgressRecord, EgressVerdict } from "../../domain/EgressRecord.ts";
import { hostName, httpPort, tlsPort } from "../../domain/EgressRule.ts";
import { ownerKey } from "../../domain/ids.ts";
import type { Owner, OwnerKey } from "../../domain/Owner.ts";
import {
  type OnConnection,
  type WebPage,
  WebReader,
  type WebReaderService,
  WebUnavailable,
} from "../../services/WebReader.ts";
import { Allowances } from "../egress/Allowances.ts";
import { readCertificates } from "../egress/Configured.ts";
import { type JudgeContext, reach } from "../egress/judge.ts";
import { logged } from "../egress/logged.ts";
import { machine, type Outside, type OutsideEnd } from "../egress/Outside.ts";
import { markdownOf } from "./markdown.ts";
import { readResponse, type Response } from "./response.ts";
import { WebRecords } from "./WebRecords.ts";

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

/** Who asks, and who hears of each connection. */
interface Asker {
  readonly key: OwnerKey;
  readonly note: (record: EgressRecord) => void;
}

interface FetchContext {
  readonly judge: JudgeContext;
  readonly allowances: Allowances;
  readonly certificates: string;
}

/** A connection as it goes on. */
interface Connection {
  readonly host: string;
  readonly port: number;
  address: string | undefined;
  verdict: EgressVerdict;
  why: string | undefined;
  upBytes: number;
  downBytes: number;
}

/** Records and logs a connection when it is over, however that comes about. */
const recorded = Effect.fnUntraced(function* ({ key, note }: Asker, host: string, port: number) {
  const clock = yield* Clock.Clock;
  const startedAtMs = clock.currentTimeMillisUnsafe();
  const connection: Connection = {
    host,
    port,
    address: undefined,
    verdict: "failed",
    why: undefined,
    upBytes: 0,
    downBytes: 0,
  };
  yield* Effect.addFinalizer(() => {
    const { verdict, why, upBytes, downBytes } = connection;
    const told = why ?? (verdict === "allowed" ? undefined : givenUp);
    note({ host, port, verdict, connections: 1, upBytes, downBytes, ...(told !== undefined && { why: told }) });
    return logged("web", key, {
      ...connection,
      why: told,
      durationMs: clock.currentTimeMillisUnsafe() - startedAtMs,
    });
  });
  return connection;
});

/** What is said of a connection that nobody waited for any more. */
const givenUp = "no answer in time";

/** One request and its response, at a name and an address that were judged. */
const exchangeOnce = Effect.fnUntraced(function* (context: FetchContext, asker: Asker, text: string) {
  const target = targetOf(text);
  const { url, host, port } = target ?? { host: "?", port: 0 };
  const seen = yield* recorded(asker, host, port);
  const refused = (why: string, told = why) => {
    Object.assign(seen, { verdict: "refused", why });
    return Effect.fail(unavailable(told));
  };
  if (url === undefined) {
    const why = "it is no http or https URL of a name";
    return yield* refused(why, `${cutText(text, snippetMax)}: ${why}`);
  }
  const share = context.allowances.enter(asker.key, yield* Clock.currentTimeMillis);
  if (typeof share === "string") return yield* refused(share);
  yield* Effect.addFinalizer(() => Effect.sync(share.leave));
  const failed = ({ why }: { readonly why: string }) => {
    seen.why = why;
    return Effect.fail(unavailable(`${host}:${port}: ${why}`));
  };
  const work = Effect.gen(function* () {
    const { address, connection } = yield* reach(context.judge, host, port);
    Object.assign(seen, { address, verdict: "allowed" });
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
    seen.upBytes = request.length;
    yield* end.write(request);
    const clock = yield* Clock.Clock;
    return yield* readAll(end, (bytes) => {
      seen.downBytes += bytes;
      return seen.why = share.count(bytes, clock.currentTimeMillisUnsafe());
    });
  });
  const { bytes, isCut } = yield* Effect.catchTags(work, {
    Refused: ({ why }) => refused(why, `${host}:${port}: ${why}`),
    OutsideError: failed,
  });
  const response = readResponse(bytes);
  return response === undefined ? yield* unavailable(`${host} did not answer in HTTP/1.1`) : { url, response, isCut };
}, Effect.scoped);

const fetchPage = (context: FetchContext) => (asker: Asker, text: string): Effect.Effect<WebPage, WebUnavailable> =>
  Effect.gen(function* () {
    let next = text;
    for (let redirects = 0; redirects <= redirectsMax; redirects++) {
      const { url, response, isCut } = yield* exchangeOnce(context, asker, next);
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
const askEngine = async (url: URL, signal: AbortSignal, seen: Connection): Promise<string> => {
  const response = await fetch(url, { signal, redirect: "error", headers: { accept: "application/json" } });
  seen.verdict = "allowed";
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
  const parts: Array<Uint8Array> = [];
  let length = 0;
  for await (const part of response.body) {
    parts.push(part);
    length += part.length;
    seen.downBytes = length;
    if (length > searchBytesMax) throw new Error("an answer that is too long");
  }
  return Buffer.concat(parts).toString("utf8");
};

/** Asks an engine that answers as SearXNG does. *Source*: its search API, `format=json`. */
const searchAt = (base: string) =>
  Effect.fnUntraced(function* (asker: Asker, query: string, count: number) {
    const url = new URL("search", base.endsWith("/") ? base : `${base}/`);
    url.searchParams.set("q", query);
    url.searchParams.set("format", "json");
    const port = url.port === "" ? (url.protocol === "https:" ? tlsPort : httpPort) : Number(url.port);
    const seen = yield* recorded(asker, url.hostname, port);
    const body = yield* Effect.tryPromise({
      try: (signal) => askEngine(url, signal, seen),
      catch: () => unavailable("the search engine does not answer"),
    }).pipe(
      Effect.timeoutOrElse({
        duration: searchMax,
        orElse: () => Effect.fail(unavailable("the search engine did not answer in time")),
      }),
      Effect.tapError(({ why }) => Effect.sync(() => Object.assign(seen, { why }))),
    );
    const { results } = yield* Effect.mapError(
      decodeResults(body),
      () => unavailable("the search engine answered something else than results"),
    );
    return results.slice(0, count).map(({ url: found, title, content }) => ({
      url: cutText(found, urlMax),
      title: cutText(title ?? "", snippetMax),
      snippet: cutText(content ?? "", snippetMax),
    }));
  }, Effect.scoped);

const contextOf = (outside: Outside, settings: SettingsService, certificates: string): FetchContext => ({
  judge: {
    outside,
    policy: settings.webFetch === "open" ? { _tag: "Open" } : { _tag: "Allowlist", rules: settings.egressAllow },
    privateRanges: settings.egressPrivate,
    deny: settings.egressDeny,
  },
  certificates,
  allowances: new Allowances({
    connectionsMax: settings.egressConnectionsMax,
    connectionsPerMinute: settings.egressConnectionsPerMinute,
    bytesPerConnection: settings.egressMbPerConnection * mib,
    bytesPerDay: settings.egressMbPerDay * mib,
  }),
});

/** The port as the settings say; what is asked is recorded for its owner. */
const readerOf = (outside: Outside, settings: SettingsService, certificates: string): WebReaderService => {
  const { webFetch, webSearchUrl } = settings;
  if (webFetch === "off" && Option.isNone(webSearchUrl)) return WebReader.defaultValue();
  const records = new WebRecords();
  const askerOf = (owner: Owner, onConnection: OnConnection = () => {}): Asker => {
    const key = ownerKey(owner);
    return {
      key,
      note: (record) => {
        records.add(key, record);
        onConnection(record);
      },
    };
  };
  const fetch = fetchPage(contextOf(outside, settings, certificates));
  const search = Option.getOrUndefined(Option.map(webSearchUrl, searchAt));
  return {
    fetch: webFetch === "off" ? undefined : (owner, url, onConnection) => fetch(askerOf(owner, onConnection), url),
    search: search &&
      ((owner, query, count, onConnection) => search(askerOf(owner, onConnection), query, count)),
    asked: {
      of: (owner) => Effect.sync(() => records.of(ownerKey(owner))),
      forget: (owner) => Effect.sync(() => records.forget(ownerKey(owner))),
    },
  };
};

/** The port over a network that is given; `certificates` are trusted beside the runtime's. */
export const layerOver = (outside: Outside, certificates = ""): Layer.Layer<never, never, Settings> =>
  Layer.effect(WebReader, Effect.map(Settings, (settings) => readerOf(outside, settings, certificates)));

/**
 * What the server reads of the web over the network of this machine, as the settings say. *Fails with*
 * `ConfigurationRefused` when the file of certificates cannot be used.
 */
export const layer: Layer.Layer<never, ConfigurationRefused, Settings> = Layer.unwrap(
  Effect.map(Effect.flatMap(Settings, readCertificates), (certificates) => layerOver(machine, certificates)),
);
