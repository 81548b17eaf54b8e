/**
 * The conversation that is open: its turns, the branch shown, and the run that goes on in it.
 *
 * The server keeps a run going when its page goes away; whoever opens the conversation then hears it from
 * the beginning. Nothing is ever asked twice.
 */
import { batch, computed, signal } from "npm:@preact/signals@2.11.4";
import * as api from "../api.ts";
import { titleOf } from "../text/format.ts";
import type { Asking, Execution, FileOut, RunOut, TurnOut } from "../wire.ts";
import { list, refreshList } from "./conversations.ts";
import * as page from "./page.ts";
import { newRun, RunReader, type RunView, saidIn, storedRun } from "./run.ts";
import { listen, tell } from "./tabs.ts";
import { pathOf, rootKey, siblings } from "./tree.ts";

/** The open conversation's id; "" before the first message of a new one. */
export const here = signal(new URLSearchParams(location.hash.slice(1)).get("s") ?? "");
export const loading = signal(false);
export const openError = signal<string | undefined>(undefined);
const ownTitle = signal<string | undefined>(undefined);
const turns = signal<ReadonlyArray<TurnOut>>([]);
const chosen = signal<Readonly<Record<string, string>>>({});
/** The run that goes on here, or that ended without leaving a turn. */
const live = signal<RunView | undefined>(undefined);
/** Why the last decision was not taken; gone from the screen as soon as another's is seen. */
export const decisionError = signal<string | undefined>(undefined);
/** The runs of this conversation as the server remembers them, the oldest first. */
export const history = signal<ReadonlyArray<RunOut>>([]);
/** Runs by their turn, so that what is on the screen is not made again. */
const views = new Map<string, RunView>();
let executions: ReadonlyMap<string, Execution> = new Map();
let hearing = new AbortController();

const viewOf = (turn: TurnOut): RunView => {
  const known = views.get(turn.id);
  if (known !== undefined) return known;
  const asked = turns.peek().find(({ id }) => id === turn.parent)?.approval;
  const made = storedRun(turn, executions, page.filesAreCut.peek() ? undefined : page.files.peek(), asked);
  views.set(turn.id, made);
  return made;
};

/** What stands before a run; what ended here and is not read from the server yet stands there as it was heard. */
const before = (parent: string | null, path: ReadonlyArray<TurnOut>): ReadonlyArray<RunView> => {
  if (parent === null) return [];
  const stored = path.findIndex(({ id }) => id === parent);
  if (stored >= 0) return path.slice(0, stored + 1).map(viewOf);
  const heard = views.get(parent);
  // Another tab may go on from what is only about to be read here.
  return heard === undefined ? path.map(viewOf) : [...before(heard.parent, path), heard];
};

/** What is shown, from the first question to the newest. */
export const runs = computed<ReadonlyArray<RunView>>(() => {
  const path = pathOf(turns.value, chosen.value);
  const going = live.value;
  // Once it is stored it is a turn like the others, and not shown where another version of it was chosen.
  if (going === undefined || turns.value.some(({ id }) => id === going.turn.value)) return path.map(viewOf);
  return [...before(going.parent, path), going];
});

/** The last run asks a person and nothing has answered it. */
export const waiting = computed(() => {
  const last = runs.value.at(-1);
  return last !== undefined && last.asking.value !== undefined && last.status.value === "done" ? last : undefined;
});

export const running = computed(() => live.value?.status.value === "running");
export const title = computed(() =>
  list.value.find(({ id }) => id === here.value)?.title ?? ownTitle.value ??
    (runs.value[0] && titleOf(runs.value[0].text))
);

/** What was asked in a turn, in its first words; undefined where it is not known. */
export const titleOfTurn = (id: string | null): string | undefined => {
  const turn = turns.value.find((each) => each.id === id);
  return turn === undefined ? undefined : titleOf(saidIn(turn));
};

/** The versions of a question, and which of them is shown. */
export const versionsOf = (run: RunView): { readonly ids: ReadonlyArray<string>; readonly at: number } => {
  const ids = siblings(turns.value, run.parent).map(({ id }) => id);
  return { ids, at: ids.indexOf(run.turn.value ?? "") };
};

/** Shows an earlier or later version of a question. */
export const choose = (run: RunView, step: number): void => {
  const { ids, at } = versionsOf(run);
  const next = ids[at + step];
  if (next !== undefined) chosen.value = { ...chosen.value, [run.parent ?? rootKey]: next };
};

const load = async (session: string): Promise<void> => {
  const [detail, ran, past] = await Promise.all([
    api.session(session),
    api.executions(session),
    api.runHistory(session).then(({ data }) => data, () => history.peek()),
    page.files.peek().length === 0 ? page.refreshFiles() : undefined,
  ]);
  if (here.value !== session) return;
  executions = new Map(ran.data.map((execution) => [execution.id, execution]));
  batch(() => {
    turns.value = detail.turns;
    history.value = past;
    ownTitle.value = detail.title ?? undefined;
  });
};

/** Conversations that were left while a run went on in them, and how often they are looked at. */
const left = new Set<string>();
const leftMs = 3_000;

/** Looks until none of the runs that were left goes on; the list is read again whenever one has ended. */
const watchLeft = async (): Promise<void> => {
  const looked = document.visibilityState === "visible" ? [...left] : [];
  for (const session of looked) {
    const isGoing = await api.runsOf(session).then(({ data }) => data.length > 0, () => true);
    if (isGoing) continue;
    left.delete(session);
    await refreshList();
  }
  if (left.size > 0) setTimeout(() => void watchLeft(), leftMs);
};

const leave = (session: string): void => {
  const isWatched = left.size > 0;
  left.add(session);
  if (!isWatched) setTimeout(() => void watchLeft(), leftMs);
};

const clear = (): void => {
  page.changedPaths.value = new Set();
  if (running.peek()) leave(here.peek());
  hearing.abort();
  hearing = new AbortController();
  views.clear();
  executions = new Map();
  batch(() => {
    turns.value = [];
    history.value = [];
    chosen.value = {};
    live.value = undefined;
    openError.value = undefined;
    decisionError.value = undefined;
    ownTitle.value = undefined;
  });
};

/** Opens a conversation, "" for a new one; a run that goes on in it is heard. */
export const open = async (session: string): Promise<void> => {
  clear();
  here.value = session;
  page.drawer.value = false;
  globalThis.history.replaceState(null, "", session === "" ? location.pathname : `#s=${encodeURIComponent(session)}`);
  if (session === "") return;
  loading.value = true;
  try {
    await load(session);
  } catch (error) {
    // A conversation whose first run goes on has nothing stored yet.
    const isUnknown = error instanceof api.ApiError && error.status === 404;
    if (here.value === session && !isUnknown) openError.value = api.messageOf(error);
  } finally {
    if (here.value === session) loading.value = false;
  }
  await resume(session);
};

/** Hears the run that goes on in a conversation, if there is one and it is not heard already. */
const resume = async (session: string): Promise<void> => {
  const going = await api.runsOf(session).then(({ data }) => data.at(-1), () => undefined);
  if (going === undefined || here.value !== session || live.value?.status.value === "running") return;
  await hearStored(session, going);
};

const hearStored = async (session: string, going: Pick<RunOut, "id" | "parent" | "input" | "model">): Promise<void> => {
  const run = newRun({
    text: going.input ?? "",
    uploads: [],
    model: going.model,
    parent: going.parent,
    startedMs: Date.now(),
  });
  run.id.value = going.id;
  live.value = run;
  const { signal: stop } = hearing;
  await hearRun(session, run, (lastId) => api.follow(going.id, lastId, stop), stop);
};

/** Tries to hear on after the connection broke. */
const reconnectsMax = 5;
const reconnectMs = 700;

type Listen = (lastId: string | undefined) => Promise<AsyncGenerator<api.Heard>>;

const hearRun = async (session: string, run: RunView, first: Listen, stop: AbortSignal): Promise<void> => {
  const reader = new RunReader(run, () => Date.now());
  let lastId: string | undefined;
  let listenTo = first;
  for (let tries = 0;; tries++) {
    try {
      for await (const heard of await listenTo(lastId)) {
        tries = 0;
        lastId = heard.lastId ?? lastId;
        await nextFrame();
        batch(() => heard.chunks.forEach((chunk) => reader.hear(chunk)));
      }
      finish(run, "done", undefined);
      break;
    } catch (error) {
      if (stop.aborted) return;
      const id = run.id.value;
      const isBroken = error instanceof api.ApiError && error.status === 0;
      if (isBroken && id !== undefined && tries < reconnectsMax) {
        await new Promise((resolve) => setTimeout(resolve, reconnectMs * (tries + 1)));
        listenTo = (from) => api.follow(id, from, stop);
        continue;
      }
      finish(
        run,
        run.status.value === "stopped" ? "stopped" : "failed",
        api.messageOf(error),
      );
      break;
    }
  }
  await settle(session, run);
};

/** One drawing a frame, however many packets came in it; a hidden page draws without frames. */
const nextFrame = (): Promise<void> =>
  document.visibilityState === "hidden"
    ? Promise.resolve()
    : new Promise((resolve) => requestAnimationFrame(() => resolve()));

const finish = (run: RunView, status: "done" | "stopped" | "failed", error: string | undefined): void => {
  batch(() => {
    const cancelled = run.status.value === "stopped" || run.reason.value === "Cancelled";
    run.status.value = cancelled ? "stopped" : status;
    if (!cancelled) run.error.value = error;
    run.endedMs.value = Date.now();
  });
  page.said.value = run.status.value === "stopped"
    ? "Stopped"
    : error === undefined
    ? run.asking.value === undefined ? "The answer is complete" : "Waiting for you: may this run?"
    : `Failed: ${error}`;
};

/** Reads what the run left behind; the screen keeps what it shows. */
const settle = async (session: string, run: RunView): Promise<void> => {
  const turn = run.turn.value;
  if (turn !== undefined) views.set(turn, run);
  tell({ type: "changed", session });
  if (here.value === session) page.changedPaths.value = new Set(run.files.value.map(({ path }) => path));
  await Promise.all([
    here.value === session ? load(session).catch(() => undefined) : undefined,
    refreshList(),
    page.refreshUsage(),
    page.refreshFiles(),
    page.refreshSandbox(),
  ]);
};

/** Asks, as what follows `parent`; by default behind everything that is shown. */
export const ask = async (text: string, files: ReadonlyArray<FileOut>, parent?: string | null): Promise<void> => {
  if (running.value || text.trim() === "") return;
  const session = here.value === "" ? crypto.randomUUID() : here.value;
  const after = parent === undefined ? runs.value.at(-1)?.turn.value ?? null : parent;
  const run = newRun({
    text,
    uploads: files.map(({ path }) => path),
    model: page.model.value,
    parent: after,
    startedMs: Date.now(),
  });
  batch(() => {
    here.value = session;
    live.value = run;
    // The newest version is shown again where another one was chosen.
    const { [after ?? rootKey]: _shown, ...others } = chosen.value;
    chosen.value = others;
  });
  globalThis.history.replaceState(null, "", `#s=${encodeURIComponent(session)}`);
  page.said.value = "Asked";
  const { signal: stop } = hearing;
  const question = { model: page.model.value, text, files, session, parent: after };
  const key = crypto.randomUUID();
  run.id.subscribe((id) => {
    if (id !== undefined) tell({ type: "run", session, run: id, text, parent: after });
  });
  await hearRun(session, run, () => api.ask(question, key, stop), stop);
};

/** The words of a chat that mean a decision, under which it stands in the conversation. */
const wordsOf = ({ decision, calls, note }: api.Decision, asking: Asking): string => {
  if (decision === "always") return "always";
  if (decision === "deny") return note === undefined ? "no" : `No, not this. ${note}`;
  if (calls === undefined) return "yes";
  return `yes ${calls.map((id) => asking.calls.findIndex((call) => call.id === id) + 1).join(" ")}`;
};

/** Decides about what a run asks, and hears the run that goes on from there; what another decided first stands. */
export const decide = async (run: RunView, asking: Asking, decision: api.Decision): Promise<void> => {
  const session = here.value;
  const parent = run.turn.value ?? null;
  if (running.value || session === "") return;
  const text = wordsOf(decision, asking);
  const next = newRun({ text, uploads: [], model: run.model.value, parent, startedMs: Date.now() });
  batch(() => {
    live.value = next;
    decisionError.value = undefined;
  });
  page.said.value = "Decided";
  const { signal: stop } = hearing;
  try {
    const { run: id } = await api.decide(asking.id, decision);
    if (here.value !== session) return;
    next.id.value = id;
    tell({ type: "run", session, run: id, text, parent });
    await hearRun(session, next, (lastId) => api.follow(id, lastId, stop), stop);
  } catch (error) {
    if (stop.aborted) return;
    live.value = undefined;
    decisionError.value = api.messageOf(error);
    await load(session).catch(() => undefined);
    await resume(session);
  }
};

/** Stops the run and the command in it; what is finished is kept. */
export const stop = async (): Promise<void> => {
  const run = live.value;
  if (run === undefined || run.status.value !== "running") return;
  const id = run.id.value;
  run.status.value = "stopped";
  run.endedMs.value = Date.now();
  page.said.value = "Stopped";
  if (id !== undefined) {
    await api.cancelRun(id).catch((error: Error) => {
      run.error.value = error.message;
    });
  } else {
    hearing.abort();
    hearing = new AbortController();
  }
};

/** Deletes a conversation; its files stay in the workspace. */
export const remove = async (session: string): Promise<void> => {
  if (here.value === session && running.value) await stop();
  await api.removeSession(session);
  tell({ type: "deleted", session });
  if (here.value === session) await open("");
  await refreshList();
};

listen((notice) => {
  void refreshList();
  if (notice.session !== here.value) return;
  if (notice.type === "deleted") {
    void open("").then(() => {
      openError.value = "This conversation was deleted in another tab.";
    });
  } else if (notice.type === "changed") void load(notice.session).catch(() => undefined);
  else if (!running.value) {
    void hearStored(notice.session, {
      id: notice.run,
      parent: notice.parent,
      input: notice.text,
      model: page.model.value,
    });
  }
});
