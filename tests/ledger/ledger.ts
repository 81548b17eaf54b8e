/**
 * The ledger of the API: what is seen of every operation and field of OpenAI's when they are sent to the application.
 */
import { type Claim, claims } from "./claims.ts";
import { asObject, type Row, type Seen, tryField } from "./probe.ts";
import { baseOf } from "./samples.ts";
import { type Field, type Operation, surface } from "./surface.ts";
import { makeWorld } from "./world.ts";

/** What becomes of a field. */
export type State = "accepted" | "by provider" | "partly" | "hint" | "not applied" | "refused" | "unseen";

/** A field as the page tells it. */
export interface Entry {
  readonly field: Field;
  readonly state: State;
  readonly seen: Row["seen"];
  readonly claim: Claim | undefined;
}

/** An operation as the page tells it. */
export interface OperationEntry {
  readonly operation: Operation;
  readonly isServed: boolean;
  readonly entries: ReadonlyArray<Entry>;
}

const isEvery = (row: Row, ...tags: ReadonlyArray<Seen["_tag"]>): boolean =>
  row.seen.every(([, { _tag }]) => tags.includes(_tag));

const isSome = (row: Row, ...tags: ReadonlyArray<Seen["_tag"]>): boolean =>
  row.seen.some(([, { _tag }]) => tags.includes(_tag));

/** What shows by itself that a field is read. */
const seenTags = ["Required", "Asked", "Answered"] as const;

const claimOf = ({ name }: Operation, { path }: Field): Claim | undefined =>
  claims.find((claim) => claim.operation.test(name) && claim.path.test(path));

const stateOf = (row: Row, claim: Claim | undefined): State => {
  if (isEvery(row, "Refused")) return "refused";
  if (isEvery(row, "Named")) return "not applied";
  if (isSome(row, "Refused", "Named")) return "partly";
  if (isSome(row, ...seenTags)) return "accepted";
  return claim === undefined ? "unseen" : claim.test === undefined ? "hint" : "accepted";
};

/** Whether what stands below a field is told: not where the whole of it is refused or left out. */
const endsAt = ({ field, state }: Entry): boolean =>
  state === "refused" || state === "not applied" || (state === "hint" && !field.path.startsWith("stream_options"));

const isBelow = (path: string, above: string): boolean => path.startsWith(`${above}.`) || path.startsWith(`${above}[`);

/** A field that a kind of value has where it was told already is not told again. */
const told = (fields: ReadonlyArray<Field>): ReadonlyArray<Field> => fields.filter(({ as }) => as === undefined);

const readOperation = async (operation: Operation): Promise<OperationEntry> => {
  const world = await makeWorld();
  const lesser = await makeWorld(new Set());
  try {
    const first = await world.ask(operation, asObject(baseOf(operation.name)), {});
    const isServed = first.status !== 405 && first.code !== "unknown_url";
    const entries: Array<Entry> = [];
    if (!isServed) return { operation, isServed, entries };
    for (const field of told(operation.fields)) {
      if (entries.some((entry) => endsAt(entry) && isBelow(field.path, entry.field.path))) continue;
      const row = await tryField(world, operation, field);
      const claim = isSome(row, ...seenTags) ? undefined : claimOf(operation, field);
      const state = stateOf(row, claim);
      const isAsked = field.path.endsWith(".strict")
        ? isSome(row, "Asked")
        : isEvery(row, "Asked") && /^[\w.]+$/.test(field.path);
      const depends = state === "accepted" && isAsked &&
        isSome(await tryField(lesser, operation, field), "Named");
      entries.push({ field, state: depends ? "by provider" : state, seen: row.seen, claim });
    }
    return { operation, isServed, entries };
  } finally {
    await world.close();
    await lesser.close();
  }
};

/** Asks for all of it: some seconds. */
export const readLedger = async (): Promise<ReadonlyArray<OperationEntry>> => {
  const ledger: Array<OperationEntry> = [];
  for (const operation of surface.operations) ledger.push(await readOperation(operation));
  return ledger;
};
