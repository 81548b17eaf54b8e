/**
 * Under which names previews are reached, as the operator writes it: `http://*.localhost:8001`.
 */

/** Names of one level below a suffix. */
export interface PreviewOrigin {
  readonly scheme: "http" | "https";
  /** In lower case, without the dot before it. */
  readonly suffix: string;
  /** Undefined where it is the scheme's own. */
  readonly port: number | undefined;
}

/** Letters of a suffix: with a label of 63 and dots, names end at 253. */
const suffixMax = 180;

/** Reads an origin; undefined when it is none. */
export const parsePreviewOrigin = (text: string): PreviewOrigin | undefined => {
  const parts = /^(https?):\/\/\*\.([a-z0-9.-]{1,200})(?::(\d{1,5}))?\/?$/.exec(text.toLowerCase());
  if (parts === null) return undefined;
  const [, scheme, suffix = "", written] = parts;
  const port = written === undefined ? undefined : Number(written);
  const isName = suffix.length <= suffixMax &&
    suffix.split(".").every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  if (!isName || (port !== undefined && (port < 1 || port > 65_535))) return undefined;
  return { scheme: scheme === "https" ? "https" : "http", suffix, port };
};

/** The URL of a label. */
export const previewUrl = ({ scheme, suffix, port }: PreviewOrigin, label: string): string =>
  `${scheme}://${label}.${suffix}${port === undefined ? "" : `:${port}`}/`;
