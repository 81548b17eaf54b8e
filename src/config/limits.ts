/**
 * What one caller may use: requests, runs, tokens and money.
 */
import { integer, number, type Row } from "./rows.ts";

/** The rows of this area, by the name the code uses. */
export const limitsRows = {
  requestsPerMinute: integer("CAISSON_REQUESTS_PER_MINUTE", {
    default: 0,
    least: 0,
    most: 1_000_000,
    unit: "requests",
    why: "Requests of one principal in a minute before they are answered 429; 0 for no limit.",
  }),
  tokensPerMinute: integer("CAISSON_TOKENS_PER_MINUTE", {
    default: 0,
    least: 0,
    most: 1_000_000_000,
    unit: "tokens",
    why: "Model tokens of one principal in a minute before its requests are answered 429; 0 for no limit.",
  }),
  runsMax: integer("CAISSON_RUNS_MAX", {
    default: 2_500,
    least: 0,
    most: 100_000,
    unit: "runs",
    why: "Runs at once in this process before more are answered 429, of which one principal has nine tenths; " +
      "0 for no limit. A run that streams holds some hundred KiB.",
  }),
  runsPerUserMax: integer("CAISSON_RUNS_PER_USER_MAX", {
    default: 250,
    least: 0,
    most: 100_000,
    unit: "runs",
    why: "Runs of one user at once before more are answered 429; 0 for no limit. Conversations that name nobody are " +
      "users of their own.",
  }),
  runsPerPrincipalMax: integer("CAISSON_RUNS_PER_PRINCIPAL_MAX", {
    default: 0,
    least: 0,
    most: 100_000,
    unit: "runs",
    why: "Runs of one principal at once before more are answered 429; 0 for nine tenths of CAISSON_RUNS_MAX.",
  }),
  messagesMax: integer("CAISSON_MESSAGES_MAX", {
    default: 10_000,
    least: 1,
    most: 1_000_000,
    unit: "messages",
    why: "Messages in one request; more are answered 400.",
  }),
  runTokensMax: integer("CAISSON_RUN_TOKENS_MAX", {
    default: 0,
    least: 0,
    most: 1_000_000_000_000,
    unit: "tokens",
    why: "Tokens of one run, before a further model turn cuts it with finish_reason length; 0 for no limit.",
  }),
  userTokensPerDay: integer("CAISSON_USER_TOKENS_PER_DAY", {
    default: 0,
    least: 0,
    most: 1_000_000_000_000,
    unit: "tokens",
    why: "Tokens of one user in a UTC day before requests are answered 429 and runs are cut; 0 for no limit.",
  }),
  principalTokensPerDay: integer("CAISSON_PRINCIPAL_TOKENS_PER_DAY", {
    default: 0,
    least: 0,
    most: 1_000_000_000_000,
    unit: "tokens",
    why: "Tokens of one principal in a UTC day before requests are answered 429 and runs are cut; 0 for no limit.",
  }),
  runUsdMax: number("CAISSON_RUN_USD_MAX", {
    default: 0,
    least: 0,
    most: 1_000_000_000,
    unit: "US dollars",
    why: "Cost of one run, where models have a price, before a further model turn cuts it; 0 for no limit.",
  }),
  userUsdPerDay: number("CAISSON_USER_USD_PER_DAY", {
    default: 0,
    least: 0,
    most: 1_000_000_000,
    unit: "US dollars",
    why: "Cost of one user in a UTC day before requests are answered 429 and runs are cut; 0 for no limit.",
  }),
  principalUsdPerDay: number("CAISSON_PRINCIPAL_USD_PER_DAY", {
    default: 0,
    least: 0,
    most: 1_000_000_000,
    unit: "US dollars",
    why: "Cost of one principal in a UTC day before requests are answered 429 and runs are cut; 0 for no limit.",
  }),
} as const satisfies Record<string, Row<unknown>>;
