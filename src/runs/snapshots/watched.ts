/**
 * A run whose workspace is kept around it.
 */
import { Effect, Stream } from "effect";
import type { Conversation } from "../../agent/Conversation.ts";
import type { AgentEvent } from "../../domain/AgentEvent.ts";
import type { Owner } from "../../domain/Owner.ts";
import type { SnapshotsService } from "./Snapshots.ts";
import { CurrentWatch } from "./TurnWatch.ts";

/** Passes the events of a run on, and keeps its workspace when it used a tool; the same stream where that is off. */
export const watched = <E>(
  snapshots: SnapshotsService,
  owner: Owner,
  { key, turn }: Pick<Conversation, "key" | "turn">,
  events: Stream.Stream<AgentEvent, E>,
): Stream.Stream<AgentEvent, E> =>
  snapshots.mode === "off" ? events : Stream.unwrap(
    Effect.map(snapshots.watch(owner, key.id, turn), (watch) =>
      events.pipe(
        Stream.provideService(CurrentWatch, watch),
        // Whoever hears the end finds what is kept of it, or waits for it.
        Stream.tap((event) => event._tag === "RunFinished" ? watch.ended : Effect.void),
        Stream.ensuring(watch.ended),
      )),
  );
