/**
 * The kinds of settings: how a text becomes a value and what is said when it cannot.
 */
import { Option, Redacted, Schema } from "effect";
import { type DomainSecret, parseDomainSecrets } from "../domain/DomainSecret.ts";
import { parsePreviewOrigin, type PreviewOrigin } from "../domain/PreviewOrigin.ts";
import { parseToolRules, type ToolRule } from "../domain/ToolRule.ts";
import { parseToolServers, type ToolServers } from "../domain/ToolServer.ts";

/** One setting: where it is read from, what it may be, and what breaks if it is wrong. */
export interface Row<A> {
  readonly key: string;
  /** Other names that are read when `key` is not set, in order. */
  readonly aliases: ReadonlyArray<string>;
  /** What a value must be, in words that complete "expected …". */
  readonly expected: string;
  /** The words it may be, none when it is not a choice. */
  readonly choices: ReadonlyArray<string>;
  /** The default as a person would write it, "" for none. */
  readonly defaultText: string;
  readonly secret: boolean;
  readonly why: string;
  readonly parse: (text: string) => Option.Option<A>;
  readonly fallback: A;
}

/** What every kind of row says beside its own bounds. */
export interface About {
  readonly why: string;
  readonly aliases?: ReadonlyArray<string>;
}

const row = <A>(
  key: string,
  about: About,
  kind: Pick<Row<A>, "expected" | "defaultText" | "parse" | "fallback"> & Partial<Pick<Row<A>, "secret" | "choices">>,
): Row<A> => ({ key, aliases: about.aliases ?? [], why: about.why, secret: false, choices: [], ...kind });

const decodeFinite = Schema.decodeUnknownOption(Schema.FiniteFromString);

/** A number within bounds. */
export const number = (
  key: string,
  about: About & { readonly default: number; readonly least: number; readonly most: number; readonly unit: string },
): Row<number> =>
  row(key, about, {
    expected: `a number (${about.unit}) from ${about.least} to ${about.most}`,
    defaultText: String(about.default),
    fallback: about.default,
    parse: (text) => Option.filter(decodeFinite(text), (value) => value >= about.least && value <= about.most),
  });

/** A whole number within bounds. */
export const integer = (
  key: string,
  about: About & { readonly default: number; readonly least: number; readonly most: number; readonly unit: string },
): Row<number> => {
  const base = number(key, about);
  return {
    ...base,
    expected: `a whole number (${about.unit}) from ${about.least} to ${about.most}`,
    parse: (text) => Option.filter(base.parse(text), Number.isInteger),
  };
};

/** Any text. */
export const text = (key: string, about: About & { readonly default: string }): Row<string> =>
  row(key, about, { expected: "a text", defaultText: about.default, fallback: about.default, parse: Option.some });

/** Any text, or nothing. */
export const optionalText = (key: string, about: About): Row<Option.Option<string>> =>
  row(key, about, {
    expected: "a text",
    defaultText: "",
    fallback: Option.none(),
    parse: (value) => Option.some(Option.some(value)),
  });

/** An http or https URL, or nothing. */
export const optionalUrl = (key: string, about: About): Row<Option.Option<string>> =>
  row(key, about, {
    expected: "an http or https URL",
    defaultText: "",
    fallback: Option.none(),
    parse: (value) =>
      URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
        ? Option.some(Option.some(value))
        : Option.none(),
  });

/** An http or https URL that others are built on, or nothing: a query, a fragment or a password would stand in each. */
export const optionalBaseUrl = (key: string, about: About): Row<Option.Option<string>> => {
  const base = optionalUrl(key, about);
  return {
    ...base,
    expected: "an http or https URL without a password, a query or a fragment",
    parse: (value) =>
      Option.filter(
        base.parse(value),
        Option.exists((url) => {
          const { username, password } = new URL(url);
          return username === "" && password === "" && !/[?#]/.test(url);
        }),
      ),
  };
};

/** A text that is redacted from reading to the socket, or nothing. */
export const secret = (
  key: string,
  about: About & { readonly charactersMin?: number },
): Row<Option.Option<Redacted.Redacted>> =>
  row(key, about, {
    expected: about.charactersMin === undefined
      ? "a secret text"
      : `a secret text of at least ${about.charactersMin} characters`,
    defaultText: "",
    secret: true,
    fallback: Option.none(),
    parse: (value) =>
      value.length < (about.charactersMin ?? 0) ? Option.none() : Option.some(Option.some(Redacted.make(value))),
  });

/** An address to listen on: an IP address or a name, without brackets, scheme or port. */
export const address = (key: string, about: About & { readonly default: string }): Row<string> =>
  row(key, about, {
    expected: "an address of this machine: 127.0.0.1, ::1 without brackets, or 0.0.0.0 for every one",
    defaultText: about.default,
    fallback: about.default,
    // More than one colon is an address of version 6; one alone would part a port.
    parse: (value) => /^[\w.-]+$|^[\da-f.]*:[\da-f.]*:[\w.:%-]*$/i.test(value) ? Option.some(value) : Option.none(),
  });

/** Texts with commas between them, each brought into one form, as one text again. */
const joined = (
  key: string,
  about: About & { readonly expected: string },
  entryOf: (entry: string) => string | undefined,
): Row<string> =>
  row(key, about, {
    expected: about.expected,
    defaultText: "",
    fallback: "",
    parse: (value) => {
      const entries = value.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "").map(entryOf);
      return entries.includes(undefined) ? Option.none() : Option.some(entries.join(","));
    },
  });

/** An origin as a browser sends it: a scheme, a host and a port that is not the scheme's own. */
const originOf = (entry: string): string | undefined => {
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#@\s]+$/i.test(entry) || !URL.canParse(entry)) return undefined;
  const { origin } = new URL(entry);
  return origin === "null" ? entry.toLowerCase() : origin;
};

/** Web origins with commas between them. */
export const origins = (key: string, about: About & { readonly mayBeAny: boolean }): Row<string> =>
  joined(key, {
    ...about,
    expected: `origins such as https://ui.example or http://localhost:3000, without a path${
      about.mayBeAny ? ", or *" : ""
    }`,
  }, (entry) => entry === "*" && about.mayBeAny ? entry : originOf(entry));

/** Names of hosts with commas between them. */
export const hostNames = (key: string, about: About): Row<string> =>
  joined(
    key,
    { ...about, expected: "names such as tools.example or 10.0.0.5, without a scheme or a port" },
    (entry) => /^[\w.-]+$|^\[[\da-f:.]+\]$/i.test(entry) ? entry.toLowerCase() : undefined,
  );

/** The name of an image. */
export const imageName = (key: string, about: About & { readonly default: string }): Row<string> => ({
  ...text(key, about),
  expected: "the name of an image such as registry.example/team/image:tag or image@sha256:…",
  parse: (value) => /^\w[\w.:/@+-]*$/.test(value) ? Option.some(value) : Option.none(),
});

/** Further MCP servers as JSON. */
export const toolServers = (key: string, about: About): Row<ToolServers> =>
  row(key, about, {
    expected: 'JSON such as {"mcpServers":{"name":{"url":"https://…"},"other":{"command":"…","args":[]}}}',
    defaultText: "",
    // Headers and environments of servers hold their credentials.
    secret: true,
    fallback: {},
    parse: parseToolServers,
  });

/** Secrets of hosts as JSON. */
export const domainSecrets = (key: string, about: About): Row<ReadonlyArray<DomainSecret>> =>
  row(key, about, {
    expected: 'JSON such as [{"domain":"api.example.com","name":"API_TOKEN","value":"…"}]',
    defaultText: "",
    secret: true,
    fallback: [],
    parse: parseDomainSecrets,
  });

/** Rules for tool calls. */
export const toolRules = (key: string, about: About): Row<ReadonlyArray<ToolRule>> =>
  row(key, about, {
    expected: "rules such as Bash(git push *), write_file(/workspace/prod/*), mail__* or execute_python",
    defaultText: "",
    fallback: [],
    parse: (value) => Option.fromUndefinedOr(parseToolRules(value)),
  });

/** Names of previews, or none. */
export const previewOrigin = (key: string, about: About): Row<Option.Option<PreviewOrigin>> =>
  row(key, about, {
    expected: "names such as http://*.localhost:8001 or https://*.preview.example",
    defaultText: "",
    fallback: Option.none(),
    parse: (value) => Option.map(Option.fromUndefinedOr(parsePreviewOrigin(value)), Option.some),
  });

/** Yes or no. */
export const flag = (key: string, about: About & { readonly default: boolean }): Row<boolean> =>
  row(key, about, {
    expected: "true or false",
    choices: ["true", "false"],
    defaultText: String(about.default),
    fallback: about.default,
    parse: (value) =>
      /^(true|1|yes|on)$/i.test(value)
        ? Option.some(true)
        : /^(false|0|no|off)$/i.test(value)
        ? Option.some(false)
        : Option.none(),
  });

/** One of a few words, in any case. */
export const choice = <const Choices extends ReadonlyArray<string>>(
  key: string,
  about: About & { readonly choices: Choices; readonly default: Choices[number] },
): Row<Choices[number]> =>
  row(key, about, {
    expected: `one of ${about.choices.join(", ")}`,
    choices: about.choices,
    defaultText: about.default,
    fallback: about.default,
    parse: (value) => Option.fromUndefinedOr(about.choices.find((c) => c.toLowerCase() === value.toLowerCase())),
  });

/** A list of entries with commas between them, each of which must be understood. */
export const list = <A>(
  key: string,
  about: About & {
    readonly expected: string;
    readonly parseEntry: (entry: string) => ReadonlyArray<A> | undefined;
  },
): Row<ReadonlyArray<A>> =>
  row(key, about, {
    expected: about.expected,
    defaultText: "",
    fallback: [],
    parse: (value) => {
      const entries = value.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
      const parsed = entries.map(about.parseEntry);
      return parsed.every((entry) => entry !== undefined) ? Option.some(parsed.flat()) : Option.none();
    },
  });
