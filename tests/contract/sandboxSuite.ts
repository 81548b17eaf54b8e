/**
 * The contract of the Sandbox port, run on every adapter.
 *
 * A case that needs something an adapter does not have is registered as ignored, so a run shows what
 * each adapter cannot do.
 */
import { abuseCases } from "./sandbox/abuseCases.ts";
import { cellCases } from "./sandbox/cellCases.ts";
import { commandCases } from "./sandbox/commandCases.ts";
import { fileCases } from "./sandbox/fileCases.ts";
import { jobCases } from "./sandbox/jobCases.ts";
import { lookCases } from "./sandbox/lookCases.ts";
import { ownerCases } from "./sandbox/ownerCases.ts";
import { streamCases } from "./sandbox/streamCases.ts";
import { treeCases } from "./sandbox/treeCases.ts";
import { casesOf, type SandboxCapabilities, type SandboxUnderTest } from "./sandbox/SandboxCases.ts";

export { eventually, freshOwner, run, using } from "./sandbox/SandboxCases.ts";
export type { SandboxCapabilities, SandboxUnderTest } from "./sandbox/SandboxCases.ts";

/** Registers the cases of the Sandbox contract for one adapter. */
export const sandboxSuite = (
  name: string,
  layerWith: SandboxUnderTest,
  capabilities: SandboxCapabilities,
  options: { readonly skip?: string | undefined } = {},
): void => {
  const cases = casesOf({ name, layerWith, capabilities, skip: options.skip });
  commandCases(cases);
  cellCases(cases);
  fileCases(cases);
  treeCases(cases);
  ownerCases(cases, layerWith);
  abuseCases(cases);
  streamCases(cases);
  jobCases(cases);
  lookCases(cases);
};
