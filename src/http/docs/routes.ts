/**
 * `GET /docs` and `GET /openapi.json`: the contract for people and for machines, compressed where the client
 * takes that.
 */
import { Buffer } from "node:buffer";
import { gzip } from "node:zlib";
import { Effect } from "effect";
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http";
import { ArtifactLinks } from "../caisson/ArtifactLinks.ts";

// Loaded when somebody asks for the first time: making the document is a fifth of what a start cost with it.
const loadDocument = Effect.promise(() => import("./document.ts"));
const loadPage = Effect.promise(() => import("./page.ts"));

/** Where the OpenAPI document and its page are. */
export const documentPath = "/openapi.json";
export const docsPath = "/docs";

const compressed = (text: string): Effect.Effect<Uint8Array> =>
  Effect.callback((resume) => {
    gzip(Buffer.from(text), (error, bytes) => resume(error === null ? Effect.succeed(bytes) : Effect.die(error)));
  });

/** Whether a client takes gzip: it names it, and not with a weight of nothing. */
const takesGzip = (acceptEncoding: string | undefined): boolean =>
  (acceptEncoding ?? "").toLowerCase().split(",").some((each) => {
    const [name = "", ...parameters] = each.split(";").map((part) => part.trim());
    return name === "gzip" && !parameters.some((parameter) => Number(parameter.replace(/^q=/, "")) === 0);
  });

const answer = Effect.fnUntraced(function* (text: string, contentType: string, headers: Record<string, string>) {
  const request = yield* HttpServerRequest.HttpServerRequest;
  const common = { ...headers, vary: "accept-encoding", "x-content-type-options": "nosniff" };
  return takesGzip(request.headers["accept-encoding"])
    ? HttpServerResponse.uint8Array(yield* compressed(text), {
      contentType,
      headers: { ...common, "content-encoding": "gzip" },
    })
    : HttpServerResponse.text(text, { contentType, headers: common });
});

/** Both routes. */
export const layer = HttpRouter.use(Effect.fnUntraced(function* (router) {
  const links = yield* ArtifactLinks;
  yield* router.add(
    "GET",
    documentPath,
    Effect.flatMap(loadDocument, ({ openApiJson }) => answer(openApiJson, "application/json", {})),
  );
  yield* router.add(
    "GET",
    docsPath,
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest;
      const { contentSecurityPolicy, renderPage } = yield* loadPage;
      return yield* answer(renderPage(links.baseOf(request)), "text/html; charset=utf-8", {
        "content-security-policy": contentSecurityPolicy,
        "referrer-policy": "no-referrer",
      });
    }),
  );
}));
