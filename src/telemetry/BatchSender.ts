/**
 * Sends what is collected in batches, and cannot hurt: bounded in memory, in time and in requests at once.
 */
import { Duration, Effect, Exit, Fiber, Latch, type Scope } from "effect";

/** Time that the last batches have when the process ends. */
const lastBatchesMax = Duration.seconds(3);

/** How batches are sent. */
export interface SenderOptions<A> {
  /** What is sent, in the words of a line of the log: "traces". */
  readonly what: string;
  /** Items that wait at most; later ones are dropped. */
  readonly queueMax: number;
  /** Items of a batch; as many are sent at once. */
  readonly batchMax: number;
  /** Longest wait of an item for its batch. */
  readonly interval: Duration.Duration;
  /** Longest time of a request. */
  readonly timeout: Duration.Duration;
  readonly send: (items: ReadonlyArray<A>) => Effect.Effect<void, unknown>;
  readonly dropped: (count: number) => void;
}

/**
 * Makes what says whether a collector takes what it is sent: its first failure once, at warning, and the first time
 * that it takes something again.
 */
export const makeVerdict = (what: string) => {
  let isFailing = false;
  return (isTaken: boolean): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (isTaken !== isFailing) return Effect.void;
      isFailing = !isTaken;
      return isTaken
        ? Effect.logInfo(`the collector takes ${what} again`)
        : Effect.logWarning(`the collector does not take ${what}: they are dropped and counted until it does`);
    });
};

/** A queue that empties itself into a collector, one request at a time. */
export interface BatchSender<A> {
  /** Takes an item; it never waits and never fails. */
  readonly push: (item: A) => void;
}

/**
 * Makes a sender that works until its scope closes, and then sends what is left within three seconds.
 *
 * *Details*: the batch that is on its way when the scope closes has those three seconds too. A batch that is not
 * taken is dropped and counted, and so is what comes while the queue is full. The first failure is said once, at
 * warning, and so is the first batch that is taken again.
 */
export const makeBatchSender = Effect.fnUntraced(function* <A>(
  options: SenderOptions<A>,
): Effect.fn.Return<BatchSender<A>, never, Scope.Scope> {
  const { what, queueMax, batchMax, interval, timeout, send, dropped } = options;
  let waiting: Array<A> = [];
  const full = yield* Latch.make();
  const verdict = makeVerdict(what);

  /** Sends the oldest batch; whether it was taken. */
  const sendBatch = Effect.gen(function* () {
    const batch = waiting.slice(0, batchMax);
    waiting = waiting.slice(batchMax);
    const exit = yield* Effect.exit(Effect.timeout(send(batch), timeout));
    if (Exit.isFailure(exit)) dropped(batch.length);
    yield* verdict(Exit.isSuccess(exit));
    return Exit.isSuccess(exit);
  });

  /** Sends batches while so many wait. A collector that does not take one is not asked at once again. */
  const sendWhile = Effect.fnUntraced(function* (least: number) {
    while (waiting.length >= least && (yield* sendBatch)) { /* the next one */ }
  });

  /** What came while a batch was sent waits for its own batch: many small ones cost more than what they carry. */
  const sendWaiting = Effect.gen(function* () {
    if (waiting.length > 0 && (yield* sendBatch)) yield* sendWhile(batchMax);
    full.closeUnsafe();
  });

  let isClosing = false;
  const closing = yield* Latch.make();
  const due = Effect.raceFirst(Effect.sleep(interval), Effect.raceFirst(full.await, closing.await));
  const work = Effect.whileLoop({
    while: () => !isClosing,
    body: () => Effect.andThen(due, sendWaiting),
    step: () => {},
  });
  yield* Effect.acquireRelease(
    // No child of the scope, which would interrupt it in the middle of a batch.
    Effect.forkDetach(Effect.interruptible(work)),
    (worker) =>
      Effect.sync(() => {
        isClosing = true;
        closing.openUnsafe();
      }).pipe(
        Effect.andThen(Fiber.await(worker)),
        Effect.andThen(sendWhile(1)),
        Effect.interruptible,
        Effect.timeoutOption(lastBatchesMax),
        Effect.andThen(Fiber.interrupt(worker)),
      ),
  );

  return {
    push: (item) => {
      if (waiting.length >= queueMax) return dropped(1);
      waiting.push(item);
      if (waiting.length === batchMax) full.openUnsafe();
    },
  };
});
