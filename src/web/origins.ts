/**
 * Which web pages may call a server.
 *
 * A page makes a browser send requests to this machine: some carry an `Origin`, all of a modern browser
 * carry `Sec-Fetch-Site`. Where everyone is let in without a credential, these two are all that tells a
 * page from its user.
 */
import { Schema } from "effect";

/** A web page of another origin called. */
export class ForeignOrigin extends Schema.TaggedError<ForeignOrigin>()("ForeignOrigin", {}) {}

/** Headers as received, by name. */
type Headers = Readonly<Record<string, string | undefined>>;

/** The origins of a comma-separated setting, in lower case. */
export const originsOf = (setting: string): ReadonlySet<string> =>
  new Set(setting.split(",").map((origin) => origin.trim().toLowerCase()).filter((origin) => origin !== ""));

/** Whether a page's origin is the server's own: the host that the request was sent to. */
const isOwn = (origin: string, host: string | undefined): boolean =>
  host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase();

/**
 * Whether a request can come from a page that has no business here.
 *
 * *Details*: an allowed origin passes. Without one, the page must be of the server's own origin, or the
 * request must not be a page's at all: no `Origin`, and no `Sec-Fetch-Site` that says another site sent it.
 * A `null` origin (a sandboxed frame, a local file) is foreign.
 */
export const isForeignPage = (headers: Headers, allowed: ReadonlySet<string>): boolean => {
  const origin = headers["origin"];
  if (allowed.has("*")) return false;
  if (origin !== undefined) return !allowed.has(origin.toLowerCase()) && !isOwn(origin, headers["host"]);
  const site = headers["sec-fetch-site"];
  // "same-site" is another port of this machine: localhost:3000 and localhost:8000 are one site.
  return site === "cross-site" || site === "same-site";
};
