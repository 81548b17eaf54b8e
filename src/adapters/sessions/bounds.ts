/**
 * Bounds that every session store shares.
 */

/**
 * Sessions of one owner; creating another removes the one unused for longest.
 *
 * Clients choose session names, so without a bound one user could fill the store.
 */
export const sessionsPerOwnerMax = 1_000;

/** Longest and shortest time between two sweeps of expired sessions, in milliseconds. */
const sweepMsMax = 60_000;
const sweepMsMin = 1_000;

/** How often expired sessions are swept: they are invisible at once, sweeping only frees space. */
export const sweepIntervalMs = (timeoutMs: number): number => Math.min(sweepMsMax, Math.max(sweepMsMin, timeoutMs / 4));
