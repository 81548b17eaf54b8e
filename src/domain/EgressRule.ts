/**
 * Names that sandboxes may reach, as operators and callers write them.
 */

/** One name and port; with `subdomains` every name below it instead of itself. */
export interface EgressRule {
  readonly name: string;
  readonly subdomains: boolean;
  readonly port: number;
}

/** The port of a rule that names none: TLS. */
export const tlsPort = 443;
/** The port of plain HTTP, which a rule must name. */
export const httpPort = 80;

/** Longest name of the domain name system as text. */
const nameLengthMax = 253;

/**
 * A host's name in its one spelling, undefined for what no rule could mean.
 *
 * *Details*: lower case, without one dot at the end; letters, digits and hyphens of ASCII only, so that a name in
 * another script must come as its author registered it. Never an address in any spelling, and never a name of one
 * label, which would be looked for in the server's own network.
 */
export const hostName = (text: string): string | undefined => {
  if (text.length > nameLengthMax + 1) return undefined;
  const name = text.toLowerCase().replace(/\.$/, "");
  if (name.length > nameLengthMax || name !== name.normalize("NFKC")) return undefined;
  const labels = name.split(".");
  const isLabel = (label: string) =>
    label.length <= 63 && /^[a-z0-9_-]+$/.test(label) && !label.startsWith("-") && !label.endsWith("-");
  if (labels.length < 2 || !labels.every(isLabel)) return undefined;
  // 127.1, 0x7f.1 and 2130706433 are addresses to those who resolve names.
  return /^(\d+|0x[0-9a-f]*)$/.test(labels[labels.length - 1] ?? "") ? undefined : name;
};

/** A port in decimal, undefined for anything else. */
export const portOf = (text: string): number | undefined => {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
};

/** Reads `name`, `name:port`, `*.name` or `*.name:port`. */
export const parseEgressRule = (text: string): EgressRule | undefined => {
  const [written, port, more] = text.split(":");
  if (written === undefined || more !== undefined) return undefined;
  const subdomains = written.startsWith("*.");
  const name = hostName(subdomains ? written.slice(2) : written);
  const number = port === undefined ? tlsPort : portOf(port);
  return name === undefined || number === undefined ? undefined : { name, subdomains, port: number };
};

/** What a few words stand for: exactly the hosts from which packages are read, none to which they are published. */
const presets: Readonly<Record<string, string>> = {
  python: "pypi.org files.pythonhosted.org",
  npm: "registry.npmjs.org",
  debian: "deb.debian.org:80",
  go: "proxy.golang.org sum.golang.org",
  rust: "index.crates.io static.crates.io",
};

/** The words that stand for names. */
export const presetNames: ReadonlyArray<string> = Object.keys(presets);

/** The rules that an entry of a list means: a preset's, or the one it spells; undefined when it is neither. */
export const parseEgressEntry = (text: string): ReadonlyArray<EgressRule> | undefined => {
  const entries = Object.hasOwn(presets, text) ? presets[text]?.split(" ") ?? [] : [text];
  const rules = entries.map(parseEgressRule);
  return rules.every((rule) => rule !== undefined) ? rules : undefined;
};

/** Whether some rule lets a name and port be reached. */
export const allowsHost = (rules: ReadonlyArray<EgressRule>, name: string, port: number): boolean =>
  rules.some((rule) => rule.port === port && (rule.subdomains ? name.endsWith(`.${rule.name}`) : name === rule.name));

/** Whether all that a rule allows is allowed by others, too. */
export const isCovered = (rule: EgressRule, by: ReadonlyArray<EgressRule>): boolean =>
  rule.subdomains
    ? by.some(({ name, subdomains, port }) =>
      subdomains && port === rule.port && (rule.name === name || rule.name.endsWith(`.${name}`))
    )
    : allowsHost(by, rule.name, rule.port);

/** A rule as it is written. */
export const egressRuleText = ({ name, subdomains, port }: EgressRule): string =>
  `${subdomains ? "*." : ""}${name}${port === tlsPort ? "" : `:${port}`}`;
