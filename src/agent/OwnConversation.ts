/**
 * A conversation that is its own owner, because its request named nobody.
 */

/** What a run must know of such a conversation. */
export interface OwnConversation {
  /** No id of it was shown: it begins with this request. */
  readonly isNew: boolean;
  /** Makes an id for a call, by which its history is known again. */
  readonly issueCallId: () => string;
}
