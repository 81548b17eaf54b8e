/**
 * What is left of the limits, as the headers of a response tell it.
 */
import type { Allowance, Remainder } from "../../services/Limits.ts";

const headersOf = (name: "requests" | "tokens", left: Remainder | undefined): Record<string, string> =>
  left === undefined ? {} : {
    [`x-ratelimit-limit-${name}`]: String(left.limit),
    [`x-ratelimit-remaining-${name}`]: String(left.remaining),
    [`x-ratelimit-reset-${name}`]: `${Math.ceil(left.resetMs / 1000)}s`,
  };

/** What is left, in the headers that OpenAI's clients know. */
export const rateHeaders = ({ requests, tokens }: Allowance): Record<string, string> => ({
  ...headersOf("requests", requests),
  ...headersOf("tokens", tokens),
});
