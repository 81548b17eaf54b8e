/**
 * Escapes from containers that were fixed in runc, and which of them a version still has.
 */
import type { EngineVersion } from "./probe.ts";

interface Advisory {
  readonly ids: ReadonlyArray<string>;
  /** The first fixed release of each branch that got a fix, oldest first; older branches never did. */
  readonly fixedIn: ReadonlyArray<readonly [major: number, minor: number, patch: number]>;
}

const advisories: ReadonlyArray<Advisory> = [
  { ids: ["CVE-2024-21626"], fixedIn: [[1, 1, 12]] },
  {
    ids: ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"],
    fixedIn: [[1, 2, 8], [1, 3, 3], [1, 4, 0]],
  },
];

/** What the version of runc says about known escapes. */
export interface RuncReport {
  readonly version: string;
  /** Identifiers of the advisories that this version's number does not exclude. */
  readonly open: ReadonlyArray<string>;
  /** A distribution built it and may have mended it under an old number. */
  readonly patchedByDistribution: boolean;
}

const parse = (version: string): readonly [number, number, number] | undefined => {
  const found = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  return found === null ? undefined : [Number(found[1]), Number(found[2]), Number(found[3])];
};

const isFixed = (version: readonly [number, number, number], fixedIn: Advisory["fixedIn"]): boolean => {
  const newest = fixedIn.at(-1);
  if (newest === undefined) return false;
  const sameBranch = fixedIn.find(([major, minor]) => major === version[0] && minor === version[1]);
  if (sameBranch !== undefined) return version[2] >= sameBranch[2];
  return version[0] > newest[0] || (version[0] === newest[0] && version[1] > newest[1]);
};

/** Looks runc up in the engine's own description; nothing when the engine does not name it. */
export const reportRunc = (engine: EngineVersion): RuncReport | undefined => {
  const component = (engine.Components ?? []).find(({ Name }) => /^runc$/i.test(Name));
  if (component === undefined) return undefined;
  const version = parse(component.Version);
  return {
    version: component.Version,
    open: version === undefined
      ? []
      : advisories.filter(({ fixedIn }) => !isFixed(version, fixedIn)).flatMap(({ ids }) => ids),
    patchedByDistribution: /[+~-](ds|deb|dfsg|ubuntu|el\d|fc\d)/.test(component.Version),
  };
};
