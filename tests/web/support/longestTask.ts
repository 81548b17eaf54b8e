/**
 * The longest task of a page in time of the processor: what others had of it meanwhile says nothing of the page.
 */
import assert from "node:assert/strict";
import { Schema } from "effect";
import type { Page } from "npm:puppeteer-core@25.16.0";

const Trace = Schema.Struct({
  traceEvents: Schema.Array(Schema.Struct({
    name: Schema.String,
    pid: Schema.Number,
    tid: Schema.Number,
    /** Microseconds of the processor. */
    tdur: Schema.optionalKey(Schema.Number),
    args: Schema.optionalKey(Schema.Struct({ name: Schema.optionalKey(Schema.Unknown) })),
  })),
});
const decodeTrace = Schema.decodeUnknownSync(Schema.fromJsonString(Trace));

/** Milliseconds of the processor that the longest task of a page takes while something is done. */
export const longestTaskMs = async (page: Page, act: () => Promise<void>): Promise<number> => {
  await page.tracing.start({ categories: ["disabled-by-default-devtools.timeline"] });
  await act();
  const { traceEvents } = decodeTrace(new TextDecoder().decode(await page.tracing.stop()));
  const threadOf = ({ pid, tid }: (typeof traceEvents)[number]) => `${pid}:${tid}`;
  const mains = new Set(
    traceEvents.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain").map(threadOf),
  );
  const tasks = traceEvents.filter((event) => event.name === "RunTask" && mains.has(threadOf(event)));
  assert.ok(tasks.some(({ tdur }) => tdur !== undefined), "the trace has tasks, and what they took of the processor");
  return tasks.reduce((longest, { tdur = 0 }) => Math.max(longest, tdur / 1_000), 0);
};
