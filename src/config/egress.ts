/**
 * What programs in sandboxes may reach of the world.
 */
import { parseEgressEntry, presetNames } from "../domain/EgressRule.ts";
import { parseAskEntry, parseDenyEntry } from "../domain/HostPattern.ts";
import { parseRange } from "../domain/IpAddress.ts";
import { choice, domainSecrets, integer, list, number, optionalText, optionalUrl, type Row } from "./rows.ts";

/** The rows of this area, by the name the code uses. */
export const egressRows = {
  egress: choice("CAISSON_EGRESS", {
    choices: ["off", "allowlist", "open"],
    default: "off",
    why:
      "Whether programs in sandboxes reach the world through the server: not at all, the names of the list, or ports " +
      "80 and 443 of every public name.",
  }),
  egressAllow: list("CAISSON_EGRESS_ALLOW", {
    expected: `names such as api.example.com, *.example.org:8443 or plain.example.net:80, or ${presetNames.join(", ")}`,
    parseEntry: parseEgressEntry,
    why:
      "Names that allowlist lets be reached, with commas; without a port that of TLS. *. means what lies below a name " +
      "and not the name itself.",
  }),
  egressAsk: list("CAISSON_EGRESS_ASK", {
    expected: `names such as api.example.com, *.example.org:8443, *, or ${presetNames.join(", ")}`,
    parseEntry: parseAskEntry,
    why:
      "Names beyond those of CAISSON_EGRESS_ALLOW for which the model may ask a person, with commas; without a port " +
      "that of TLS. * means every public name.",
  }),
  egressDeny: list("CAISSON_EGRESS_DENY", {
    expected: "names such as evil.example or *.evil.example:8443",
    parseEntry: parseDenyEntry,
    why:
      "Names that are never reached and never asked for, whatever else allows them, with commas; without a port at " +
      "every port.",
  }),
  egressGrantSeconds: number("CAISSON_EGRESS_GRANT_SECONDS", {
    default: 600,
    least: 1,
    most: 86_400,
    unit: "seconds",
    why: "How long a host is reached that a person granted.",
  }),
  egressPrivate: list("CAISSON_EGRESS_PRIVATE", {
    expected: "addresses or blocks of them such as 10.1.2.3 or 10.9.0.0/16",
    parseEntry: (entry) => {
      const range = parseRange(entry);
      return range === undefined ? undefined : [range];
    },
    why:
      "Addresses that names may resolve to although they are not public, such as those of a package mirror of one's " +
      "own.",
  }),
  egressCaFile: optionalText("CAISSON_EGRESS_CA_FILE", {
    why: "File of certificates in PEM, at most 64 KiB, that programs in sandboxes trust beside those of the image.",
  }),
  egressSecrets: domainSecrets("CAISSON_EGRESS_SECRETS", {
    why: "Secrets that request headers to their host get on the way out; code in sandboxes sees a placeholder in the " +
      "variable of that name. Every user of this server can use them.",
  }),
  webFetch: choice("CAISSON_WEB_FETCH", {
    choices: ["off", "allowlist", "open"],
    default: "off",
    why:
      "Whether the model has a tool by which the server reads pages for it, also for a sandbox that reaches nothing: " +
      "none, the names of CAISSON_EGRESS_ALLOW, or every public name.",
  }),
  webSearchUrl: optionalUrl("CAISSON_WEB_SEARCH_URL", {
    why: "Address of a search engine that answers as SearXNG does; the model then has a tool to search the web.",
  }),
  egressConnectionsMax: integer("CAISSON_EGRESS_CONNECTIONS_MAX", {
    default: 32,
    least: 1,
    most: 32,
    unit: "connections",
    why: "Connections of one user to the world at once.",
  }),
  egressConnectionsPerMinute: integer("CAISSON_EGRESS_CONNECTIONS_PER_MINUTE", {
    default: 600,
    least: 1,
    most: 1200,
    unit: "connections a minute",
    why: "New connections of one user to the world.",
  }),
  egressMbPerConnection: integer("CAISSON_EGRESS_MB_PER_CONNECTION", {
    default: 1024,
    least: 1,
    most: 1024 * 1024,
    unit: "MiB",
    why: "Bytes of one connection, both ways together; then it is cut.",
  }),
  egressMbPerDay: integer("CAISSON_EGRESS_MB_PER_DAY", {
    default: 10_240,
    least: 1,
    most: 1024 * 1024 * 1024,
    unit: "MiB",
    why: "Bytes of one user in a day of UTC, both ways together; counted anew when the server starts.",
  }),
} as const satisfies Record<string, Row<unknown>>;
