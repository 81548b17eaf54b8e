/**
 * Writes `docs/errors.md` from the tables of the HTTP edge.
 */
import { errorTable } from "../src/http/frame/errorTable.ts";
import { refusalTable, rpcCode } from "../src/mcp/errors.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");

const byStatus = <R extends { readonly status: number }>(rows: ReadonlyArray<R>): ReadonlyArray<R> =>
  rows.toSorted((left, right) => left.status - right.status);

/** The document of errors. */
export const errorsMarkdown = (): string =>
  [
    "# Errors",
    "",
    'Every failure is `{"error":{"message","type","param","code"}}` with all four keys, before the first byte under',
    "the status below, after it as one `data:` frame that ends the stream. Every response has `x-request-id`; the log",
    "has the cause under that id, the message never does. `param` names the field that is wrong.",
    "",
    "The official clients retry 408, 409, 429 and 5xx by themselves. `x-should-retry` tells them whether it can help:",
    "it is `false` where the table says so, when the wait would be over 60 seconds, and when a tool has already run.",
    "",
    "This page is generated from `src/http/frame/errorTable.ts` and `src/mcp/errors.ts` by `deno task docs`.",
    "",
    "| Status | type | code | Retry | When |",
    "| --- | --- | --- | --- | --- |",
    ...byStatus(Object.values(errorTable)).map(({ status, type, code, retry, when }) =>
      `| ${status} | \`${type}\` | ${code === null ? "by field" : `\`${code}\``} | ${retry ? "yes" : "no"} | ${
        cell(when)
      } |`
    ),
    "",
    "## At the MCP server",
    "",
    "A request that reaches no session is answered with a JSON-RPC error under these statuses; what both doors refuse",
    "is told in the same sentence. A tool whose sandbox failed answers with that sentence as its result.",
    "",
    "| Status | JSON-RPC code | When |",
    "| --- | --- | --- |",
    ...byStatus(Object.values(refusalTable)).map(({ status, rpcCode: code = rpcCode.refused, when }) =>
      `| ${status} | ${code} | ${cell(when)} |`
    ),
    "",
  ].join("\n");

if (import.meta.main) Deno.writeTextFileSync("docs/errors.md", errorsMarkdown());
