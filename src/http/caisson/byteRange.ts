/**
 * The `Range` header of HTTP, for one range of bytes.
 */

/** What a `Range` header asks of a representation of a known size. */
export type RangeRequest =
  | { readonly _tag: "Whole" }
  | { readonly _tag: "Part"; readonly offset: number; readonly length: number }
  | { readonly _tag: "Unsatisfiable" };

const whole: RangeRequest = { _tag: "Whole" };

/**
 * Reads a `Range` header.
 *
 * *Details*: a header that is malformed or asks for several ranges is ignored, as RFC 9110 allows; only a
 * well-formed range outside the content is unsatisfiable.
 */
export const readRange = (header: string | undefined, sizeBytes: number): RangeRequest => {
  const found = /^bytes=\s{0,20}(\d{0,15})\s{0,20}-\s{0,20}(\d{0,15})\s{0,20}$/.exec(header ?? "");
  const [, first = "", last = ""] = found ?? [];
  if (found === null || (first === "" && last === "")) return whole;
  if (first === "") {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? { _tag: "Unsatisfiable" } : { _tag: "Part", offset: sizeBytes - length, length };
  }
  const offset = Number(first);
  const end = last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (last !== "" && Number(last) < offset) return whole;
  return offset >= sizeBytes ? { _tag: "Unsatisfiable" } : { _tag: "Part", offset, length: end - offset + 1 };
};
