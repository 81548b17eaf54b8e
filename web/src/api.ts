/** Everything this page asks of the server; one function asks and one hears a run. */
import { FrameReader } from "./sse.ts";
import type {
  Chunk,
  Execution,
  FileOut,
  Health,
  JobOut,
  JobOutputOut,
  Me,
  PreviewOut,
  Restored,
  RunDetail,
  RunOut,
  SandboxOut,
  SessionOut,
  TurnDiff,
  TurnOut,
  UsageReport,
} from "./wire.ts";

/** The server refused, or could not be reached (status 0). */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What a reader is told of a failure. */
export const messageOf = (failure: unknown): string => failure instanceof Error ? failure.message : String(failure);

/** What was to be deleted and is gone already is deleted. */
const orGone = (error: unknown): void => {
  if (!(error instanceof ApiError && error.status === 404)) throw error;
};

const userKey = "caisson.user";

/** The name this browser goes by; only a server without keys takes it from the page. */
export const userName = (): string => localStorage.getItem(userKey) ?? "me";

/** Goes by another name from the next load on. */
export const setUserName = (name: string): void => localStorage.setItem(userKey, name.trim() || "me");

const headers = (): Record<string, string> => ({ "x-user-id": userName() });

/** Called whenever an answer tells that nobody is signed in. */
let onSignedOut: () => void = () => {};
export const whenSignedOut = (act: () => void): void => {
  onSignedOut = act;
};

const refusal = async (response: Response): Promise<ApiError> => {
  if (response.status === 401) onSignedOut();
  const body = await response.json().catch(() => undefined);
  const message = body?.error?.message;
  return new ApiError(
    response.status,
    typeof message === "string" ? message : `The server answered ${response.status}`,
  );
};

const send = async (path: string, init: RequestInit = {}): Promise<Response> => {
  try {
    return await fetch(path, { ...init, headers: { ...headers(), ...init.headers } });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "The server cannot be reached");
  }
};

const read = async <A>(path: string, init?: RequestInit): Promise<A> => {
  const response = await send(path, init);
  if (!response.ok) throw await refusal(response);
  return await response.json();
};

const jsonBody = (method: string, body: unknown): RequestInit => ({
  method,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

const at = (id: string): string => encodeURIComponent(id);

export const health = () => read<Health>("/health");
export const me = () => read<Me>("/v1/me");
export const models = () => read<{ data: Array<{ id: string }> }>("/v1/models?views=false");
export const sandbox = () => read<SandboxOut>("/v1/sandbox");
export const stopSandbox = () => read("/v1/sandbox/stop", { method: "POST" });
export const resetSandbox = () => read("/v1/sandbox/reset", { method: "POST" });
/** What a job printed from a byte on, or the end of it. */
export const jobOutput = (id: string, offset?: number) =>
  read<JobOutputOut>(`/v1/sandbox/jobs/${at(id)}${offset === undefined ? "" : `?offset=${offset}`}`);
export const endJob = (id: string) => read<JobOut>(`/v1/sandbox/jobs/${at(id)}/kill`, { method: "POST" });
/** Makes a link to a port of the sandbox; one that is there stays. */
export const openPreview = (port: number) => read<PreviewOut>("/v1/sandbox/previews", jsonBody("POST", { port }));
export const endPreview = (port: number) => read(`/v1/sandbox/previews/${port}`, { method: "DELETE" });
export const usage = () => read<UsageReport>("/v1/usage");

/** Conversations, the last used first. */
export const sessions = (query: string, after?: string) =>
  read<{ data: Array<SessionOut>; has_more?: boolean }>(
    `/v1/sessions?limit=50${query === "" ? "" : `&query=${at(query)}`}${
      after === undefined ? "" : `&after=${at(after)}`
    }`,
  );
export const session = (id: string) => read<{ title?: string | null; turns: Array<TurnOut> }>(`/v1/sessions/${at(id)}`);
export const renameSession = (id: string, title: string) => read(`/v1/sessions/${at(id)}`, jsonBody("POST", { title }));
export const removeSession = (id: string) => read(`/v1/sessions/${at(id)}`, { method: "DELETE" }).catch(orGone);
export const executions = (id: string) => read<{ data: Array<Execution> }>(`/v1/sessions/${at(id)}/executions`);
export const runsOf = (id: string) => read<{ data: Array<RunOut> }>(`/v1/runs?status=in_progress&session=${at(id)}`);
/** The runs of a conversation, the oldest first. */
export const runHistory = (id: string) => read<{ data: Array<RunOut> }>(`/v1/runs?session=${at(id)}`);
export const runDetail = (id: string) => read<RunDetail>(`/v1/runs/${at(id)}`);
export const cancelRun = (id: string) => read<RunOut>(`/v1/runs/${at(id)}/cancel`, { method: "POST" });
/** Decides about calls that wait; the answer names the run that goes on from there. */
export const decide = (id: string, decision: Decision) =>
  read<{ run: string }>(`/v1/approvals/${at(id)}`, jsonBody("POST", decision));
export const diff = (session: string, turn: string) =>
  read<TurnDiff>(`/v1/sessions/${at(session)}/snapshots/${at(turn)}`);
/** Takes back what a turn did to the workspace, as far as nobody changed it since. */
export const restoreTurn = (session: string, turn: string) =>
  read<Restored>(`/v1/sessions/${at(session)}/restore`, jsonBody("POST", { turn }));

export const files = (start: boolean) =>
  read<{ data: Array<FileOut>; has_more: boolean }>(`/v1/artifacts?limit=1000${start ? "" : "&start=false"}`);
export const removeFile = (id: string) => read(`/v1/artifacts/${at(id)}`, { method: "DELETE" }).catch(orGone);
/** Where all files are as one; a link carries no header, so it names the user. */
export const archivePath = () => `/v1/artifacts/archive?user=${at(userName())}`;

/** Where a file's bytes are on this very server, whatever name it was told under. */
export const contentPath = (file: FileOut): string => {
  const url = new URL(file.url, location.origin);
  return url.pathname + url.search;
};

/** The first bytes of a text file. */
export const head = async (file: FileOut, bytesMax: number): Promise<string> => {
  const response = await send(contentPath(file), { headers: { range: `bytes=0-${bytesMax - 1}` } });
  if (!response.ok) throw response.status === 404 ? new ApiError(404, "This file is gone") : await refusal(response);
  return await response.text();
};

/** All the bytes of a file. */
export const bytesOf = async (file: FileOut, signal: AbortSignal): Promise<ArrayBuffer> => {
  const response = await send(contentPath(file), { signal });
  if (!response.ok) throw response.status === 404 ? new ApiError(404, "This file is gone") : await refusal(response);
  return await response.arrayBuffer();
};

/** Uploads a file with progress, which `fetch` cannot tell. */
export const upload = (file: File, onProgress: (part: number) => void, signal: AbortSignal): Promise<FileOut> =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/v1/artifacts?path=${at(`/workspace/uploads/${file.name}`)}`);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(new ApiError(0, "The upload broke off"));
    request.onabort = () => reject(new ApiError(0, "The upload was stopped"));
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status < 300) return resolve(body as unknown as FileOut);
      const error = body["error"] as { readonly message?: string } | undefined;
      reject(new ApiError(request.status, error?.message ?? `The server answered ${request.status}`));
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });

const parsed = (text: string): Record<string, unknown> => {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
};

/** Signs in with a key; the server keeps it in a cookie that scripts cannot read. */
export const signIn = (key: string) => read("/ui/session", jsonBody("POST", { key }));
export const signOut = () => read("/ui/session", { method: "DELETE" });

/** What a person decides; without `calls` about all of them. The note goes with a denial, for the model to read. */
export interface Decision {
  readonly decision: "approve" | "deny" | "always";
  readonly calls?: ReadonlyArray<string>;
  readonly note?: string;
}

// Runs -------------------------------------------------------------------------------------------

/** What is asked. */
export interface Question {
  readonly model: string;
  readonly text: string;
  readonly files: ReadonlyArray<FileOut>;
  readonly session: string;
  /** The turn that this one follows; null for the first of the conversation. */
  readonly parent: string | null;
}

/** What was heard of a run. */
export interface Heard {
  readonly chunks: ReadonlyArray<Chunk>;
  /** The number of the last event, to go on from after a break. */
  readonly lastId: string | undefined;
}

/** The whole answer has been heard. */
async function* hear(response: Response): AsyncGenerator<Heard> {
  if (!response.ok || response.body === null) throw await refusal(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const frames = new FrameReader();
  let done = false;
  for (;;) {
    const next = await reader.read().catch(() => ({ done: true as const, value: undefined }));
    if (next.done) break;
    const chunks: Array<Chunk> = [];
    let lastId: string | undefined;
    for (const { id, data } of frames.read(next.value)) {
      lastId = id ?? lastId;
      if (data === "[DONE]") {
        done = true;
        continue;
      }
      const chunk: Chunk = JSON.parse(data);
      if (chunk.error) throw new ApiError(200, chunk.error.message);
      chunks.push(chunk);
    }
    if (chunks.length > 0) yield { chunks, lastId };
  }
  if (!done) throw new ApiError(0, "The connection broke before the answer was complete");
}

const contentOf = ({ text, files }: Question) =>
  files.length === 0 ? text : [
    { type: "text", text },
    ...files.map(({ id }) => ({ type: "file", file: { file_id: id } })),
  ];

/** Asks; the run goes on when this page goes away. */
export const ask = async (question: Question, key: string, signal: AbortSignal): Promise<AsyncGenerator<Heard>> =>
  hear(
    await send("/v1/chat/completions", {
      ...jsonBody("POST", {
        model: question.model,
        stream: true,
        messages: [{ role: "user", content: contentOf(question) }],
        metadata: { parent_turn: question.parent ?? "root", detached: "true" },
      }),
      headers: {
        "content-type": "application/json",
        "x-session-id": question.session,
        "x-caisson-view": "events",
        "idempotency-key": key,
      },
      signal,
    }),
  );

/** Hears a run that is there, from the beginning or from behind the given event. */
export const follow = async (
  run: string,
  lastId: string | undefined,
  signal: AbortSignal,
): Promise<AsyncGenerator<Heard>> =>
  hear(
    await send(`/v1/runs/${at(run)}/events`, {
      headers: lastId === undefined ? {} : { "last-event-id": lastId },
      signal,
    }),
  );
