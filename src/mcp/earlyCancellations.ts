/**
 * Cancellations that overtake what they cancel.
 *
 * Over HTTP every message is a request of its own, so a client that cancels at once may be heard before
 * its call is. The SDK ignores a cancellation of something it has not seen, and the call would run on
 * with nobody waiting for it.
 */
import type { RequestId } from "@modelcontextprotocol/sdk/types";

/** Ids that are remembered on either side; a client has few calls in flight. */
const idsRememberedMax = 128;

const remember = (ids: Set<RequestId>, id: RequestId): void => {
  ids.add(id);
  for (const oldest of ids) {
    if (ids.size <= idsRememberedMax) return;
    ids.delete(oldest);
  }
};

/** What one session has heard, in the order it was heard. */
export interface EarlyCancellations {
  /** Notes that a request arrived; true when it was cancelled before. */
  readonly arrived: (id: RequestId) => boolean;
  /** Notes a cancellation; it is kept for later when its request has not arrived. */
  readonly cancelled: (id: RequestId) => void;
}

/** Makes the memory of one session; both sides of it are bounded by {@link idsRememberedMax}. */
export const makeEarlyCancellations = (): EarlyCancellations => {
  const known = new Set<RequestId>();
  const early = new Set<RequestId>();
  return {
    arrived: (id) => {
      remember(known, id);
      return early.delete(id);
    },
    cancelled: (id) => {
      if (!known.has(id)) remember(early, id);
    },
  };
};
