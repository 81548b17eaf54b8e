/**
 * The page: `/` and the few files beneath `/ui/`, under a policy that lets nothing in from elsewhere.
 *
 * Only what was built is served, by fixed names. A checkout in which the page was not built says so at `/`
 * and works as an API all the same.
 */
import { Effect, Layer, Option } from "effect";
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http";
import { Settings } from "../../config.ts";
import { root } from "../../root.ts";
import * as signIn from "./signIn.ts";
import { type Asset, type AssetName, isAssetName, readAsset } from "./assets.ts";

/** Where `deno task web` puts the page. */
const builtFolder = new URL("web/dist/", root);

/**
 * What the page may do.
 *
 * No inline code or style, nothing from another origin, no string that becomes markup; the one frame is of PDF files,
 * and pictures are files or, out of a notebook, what the page has in its hands.
 */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/**
 * What the frame that draws a PDF may do: run our script and its worker, and nothing else.
 *
 * It has no origin, wherever it is opened: no cookie, no storage, no request, not even to this server.
 */
const pdfPolicy = [
  "sandbox allow-scripts",
  "default-src 'none'",
  "script-src 'self'",
  "worker-src blob:",
  "style-src 'self'",
  "img-src blob: data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join("; ");

const safeHeaders = {
  "content-security-policy": pagePolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  // Checked by its tag each time, so that a new build is seen at once.
  "cache-control": "no-cache",
} as const;

/** The files of the frame: one without an origin is another's, so they are no secret of this origin. */
const pdfHeaders = {
  ...safeHeaders,
  "content-security-policy": pdfPolicy,
  "cross-origin-resource-policy": "cross-origin",
} as const;

/** The headers of a file, built or not. */
const headersOf = (name: AssetName) => name.startsWith("pdf") ? pdfHeaders : safeHeaders;

const notBuilt = `Caisson's API works. Its page is not built here:

    deno task web

builds it. The API is described at /docs.
`;

const send = (
  name: AssetName,
  asset: Asset,
  request: HttpServerRequest.HttpServerRequest,
): HttpServerResponse.HttpServerResponse => {
  const headers = { ...headersOf(name), etag: asset.etag, vary: "accept-encoding" };
  if (request.headers["if-none-match"]?.includes(asset.etag) === true) {
    return HttpServerResponse.empty({ status: 304, headers });
  }
  const takesGzip = /(?:^|[\s,])gzip(?:$|[\s,;])/.test((request.headers["accept-encoding"] ?? "").slice(0, 200));
  const short = takesGzip ? asset.gzip : undefined;
  return HttpServerResponse.uint8Array(short ?? asset.body, {
    contentType: asset.contentType,
    headers: short === undefined ? headers : { ...headers, "content-encoding": "gzip" },
  });
};

/** The routes of the page; `CAISSON_PAGE=off` leaves them out. */
export const layer = Layer.unwrap(Effect.gen(function* () {
  const { page } = yield* Settings;
  if (page === "off") return Layer.empty;
  const assets = new Map<AssetName, Asset>();

  /** A file is kept once it was found, so that a page that is built while the server runs is seen. */
  const assetOf = Effect.fnUntraced(function* (name: AssetName) {
    const kept = assets.get(name);
    if (kept !== undefined) return Option.some(kept);
    const read = yield* readAsset(builtFolder, name);
    if (Option.isSome(read)) assets.set(name, read.value);
    return read;
  });

  const respond = (name: AssetName) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest;
      return Option.match(yield* assetOf(name), {
        onNone: () =>
          HttpServerResponse.text(notBuilt, { status: name === "index.html" ? 200 : 404, headers: headersOf(name) }),
        onSome: (asset) => send(name, asset, request),
      });
    });

  const file = Effect.gen(function* () {
    const { file: name = "" } = yield* HttpRouter.params;
    return isAssetName(name) ? yield* respond(name) : HttpServerResponse.empty({ status: 404 });
  });

  return Layer.mergeAll(
    HttpRouter.add("GET", "/", respond("index.html")),
    HttpRouter.add("GET", "/ui/:file", file),
    ...(yield* signIn.make),
  );
}));
