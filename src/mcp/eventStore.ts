/**
 * The last events of one MCP session, so that a client whose connection broke can fetch the result it
 * missed.
 */
import type { EventId, EventStore, StreamId } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types";

interface Stored {
  readonly stream: StreamId;
  readonly message: JSONRPCMessage;
  readonly characters: number;
}

/** Events kept for one session; a command's progress makes some ten a second. */
export const eventsMax = 256;
/** Characters of events kept for one session: two of the largest results. */
export const charactersMax = 512 * 1024;

/** The events of one session. */
export interface SessionEvents extends EventStore {
  /**
   * Whether a stream can be resumed after an event.
   *
   * *Details*: the transport is not given this to ask, because it would then refuse to resume a stream whose
   * old connection it has not yet seen break.
   */
  readonly isResumable: (id: EventId) => boolean;
}

/**
 * Makes an event store that keeps the newest events and forgets the oldest beyond {@link eventsMax} and
 * {@link charactersMax}; resuming from a forgotten event is refused by the transport.
 */
export const makeEventStore = (): SessionEvents => {
  const events = new Map<EventId, Stored>();
  let characters = 0;
  let count = 0;

  const forgetOldest = () => {
    for (const [id, event] of events) {
      if (events.size <= eventsMax && characters <= charactersMax) return;
      events.delete(id);
      characters -= event.characters;
    }
  };

  return {
    storeEvent: (stream, message) => {
      const id = `${stream}_${++count}`;
      const size = JSON.stringify(message).length;
      events.set(id, { stream, message, characters: size });
      characters += size;
      forgetOldest();
      return Promise.resolve(id);
    },
    isResumable: (id) => {
      const event = events.get(id);
      // Nothing follows an answer. Some clients resume after one that is an error, and would wait for ever.
      return event !== undefined && !isAnswer(event.message);
    },
    replayEventsAfter: async (last, { send }) => {
      const stream = events.get(last)?.stream;
      if (stream === undefined) throw new Error("event is not stored");
      let after = false;
      for (const [id, event] of [...events]) {
        // The event that primes a stream has no message; it only gives the client a place to resume from.
        if (after && event.stream === stream && "jsonrpc" in event.message) await send(id, event.message);
        after ||= id === last;
      }
      return stream;
    },
  };
};

const isAnswer = (message: JSONRPCMessage): boolean => "result" in message || "error" in message;
