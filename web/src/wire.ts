/** What the server sends, as this page reads it; the API's own document is at `/openapi.json`. */

/** Tokens of a run. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens?: number;
}

/** A file of the workspace. */
export interface FileOut {
  readonly id: string;
  readonly path: string;
  readonly filename: string;
  readonly bytes: number;
  readonly media_type: string;
  readonly created_at: number;
  readonly url: string;
  readonly is_image?: boolean;
  readonly change?: "added" | "modified" | "deleted";
  /** It was there when the turn ended, and is not any more. */
  readonly isGone?: boolean;
}

/** A conversation in the list. */
export interface SessionOut {
  readonly id: string;
  readonly title?: string | null;
  readonly created_at: number;
  readonly last_used_at: number;
  readonly turns: number;
  /** The id of what it asks a person. */
  readonly approval?: string | null;
}

/** A call of a tool as it is stored. */
export interface WireCall {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

/** A stored message. */
export interface WireMessage {
  readonly role: "user" | "assistant" | "tool";
  readonly content: string | null | ReadonlyArray<{ readonly type: string; readonly text?: string }>;
  readonly attachments?: ReadonlyArray<{ readonly path: string }>;
  readonly reasoning_content?: string;
  readonly tool_calls?: ReadonlyArray<WireCall>;
  readonly tool_call_id?: string;
}

/** A call that waits for a person; without a rule it waits for one before it. */
export interface HeldCall {
  readonly id: string;
  readonly name: string;
  /** JSON, whole: what is approved is what is read. */
  readonly arguments: string;
  readonly rule: string | null;
}

/** What a turn asks of a person. */
export interface Asking {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly expires_at: number;
  readonly calls: ReadonlyArray<HeldCall>;
}

/** A stored turn; turns of one parent are branches. */
export interface TurnOut {
  readonly id: string;
  readonly parent: string | null;
  readonly status: string;
  readonly model: string;
  readonly created_at: number;
  readonly finished_at: number;
  readonly started_at_ms?: number;
  readonly finished_at_ms?: number;
  readonly usage: Usage;
  readonly cost_usd?: number | null;
  readonly files?: ReadonlyArray<FileOut> | null;
  readonly approval?: Asking;
  readonly messages: ReadonlyArray<WireMessage>;
}

/** A tool call as it ran. */
export interface Execution {
  readonly id: string;
  readonly turn: string;
  readonly tool: string;
  readonly exit_code: number | null;
  readonly stdout: string | null;
  readonly stderr: string | null;
  readonly flags: ReadonlyArray<string>;
  readonly result: string;
  readonly is_error: boolean;
  readonly started_at_ms: number;
  readonly duration_ms: number;
}

/** What the view `events` tells beside the answer. */
export type CaissonEvent =
  & { readonly seq: number; readonly at_ms: number }
  & (
    | {
      readonly type: "run.started";
      readonly run: string;
      readonly session: string;
      readonly turn: string;
      readonly parent: string | null;
      readonly model: string;
    }
    | {
      readonly type: "tool.started";
      readonly call: { readonly id: string; readonly name: string; readonly arguments: string };
    }
    | {
      readonly type: "tool.output";
      readonly call_id: string;
      readonly stream: "stdout" | "stderr";
      readonly text: string;
    }
    | {
      readonly type: "tool.finished";
      readonly call_id: string;
      readonly is_error: boolean;
      readonly result: unknown;
      readonly duration_ms: number;
    }
    | ({ readonly type: "approval.requested" } & Asking)
    | { readonly type: "files.changed"; readonly files: ReadonlyArray<FileOut> }
    | {
      readonly type: "run.finished";
      readonly reason: string;
      readonly turns: number;
      readonly usage: Usage;
      readonly cost_usd?: number | null;
    }
  );

/** A frame of the streamed answer. */
export interface Chunk {
  readonly id: string;
  readonly model: string;
  readonly choices: ReadonlyArray<{
    readonly delta: { readonly content?: string | null; readonly reasoning_content?: string };
    readonly finish_reason: string | null;
  }>;
  readonly caisson?: CaissonEvent;
  readonly error?: { readonly message: string };
}

/** A run as the server keeps it. */
export interface RunOut {
  readonly id: string;
  readonly status: "in_progress" | "completed" | "cancelled" | "failed";
  readonly session: string | null;
  readonly turn: string | null;
  readonly parent: string | null;
  readonly model: string;
  readonly input?: string;
  readonly started_at_ms: number;
  readonly duration_ms: number | null;
  readonly error: string | null;
  readonly turns: number;
  readonly usage: Usage;
  readonly cost_usd: number | null;
}

/** What happened in a run. */
export type RunStepOut =
  | {
    readonly type: "model_turn";
    readonly turn: number;
    readonly started_ms: number;
    readonly first_chunk_ms: number | null;
    readonly duration_ms: number | null;
    readonly usage: Usage | null;
    readonly cost_usd: number | null;
  }
  | {
    readonly type: "tool_call";
    readonly id: string;
    readonly tool: string;
    readonly started_ms: number;
    readonly duration_ms: number | null;
    readonly is_error: boolean | null;
    readonly exit_code: number | null;
    readonly flags: ReadonlyArray<string>;
  };

/** Connections to one host that came to the same. */
export interface EgressOut {
  readonly host: string;
  readonly port: number;
  readonly verdict: string;
  readonly reason: string | null;
  readonly connections: number;
  readonly up_bytes: number;
  readonly down_bytes: number;
}

/** A host that a person let the sandbox reach for a while. */
export interface GrantOut {
  readonly host: string;
  readonly port: number;
  readonly expires_at_ms: number;
}

/** A run and what happened in it. */
export interface RunDetail extends RunOut {
  readonly timeline: ReadonlyArray<RunStepOut>;
  readonly timeline_left_out: number;
  readonly egress?: ReadonlyArray<EgressOut>;
  readonly egress_left_out?: number;
}

/** The state of the service. */
export interface Health {
  readonly status: "healthy" | "degraded";
  readonly version: string;
  readonly sandbox: {
    readonly kind: string;
    readonly why: string;
    readonly healthy: boolean;
    readonly detail: string;
    readonly not_applied: ReadonlyArray<{ readonly control: string; readonly detail: string }>;
  };
}

/** An amount in use and the most there may be. */
export interface MeasureOut {
  readonly used_bytes: number;
  readonly max_bytes: number | null;
}

/** What runs in the sandbox now. */
export interface CommandOut {
  readonly kind: "shell" | "python";
  readonly command: string;
  readonly started_at_ms: number;
}

/** A command in the background. */
export interface JobOut {
  readonly id: string;
  readonly command: string;
  readonly status: "running" | "exited" | "killed" | "timed_out" | "failed";
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly exit_code: number | null;
}

/** A part of what a job printed. */
export interface JobOutputOut {
  readonly job: JobOut;
  readonly text: string;
  readonly next_offset: number;
  readonly total_bytes: number;
}

/** A link to a port of the sandbox. */
export interface PreviewOut {
  readonly port: number;
  readonly url: string;
  readonly expires_at: number;
}

/** The sandbox of this user, seen without starting one. */
export interface SandboxOut {
  readonly state: "none" | "starting" | "idle" | "busy" | null;
  readonly kind: string;
  readonly memory?: MeasureOut | null;
  readonly disk?: MeasureOut | null;
  readonly commands?: ReadonlyArray<CommandOut>;
  readonly jobs?: ReadonlyArray<JobOut>;
  readonly egress?: ReadonlyArray<EgressOut>;
  readonly egress_granted?: ReadonlyArray<GrantOut>;
  readonly previews?: ReadonlyArray<PreviewOut>;
}

/** Who the page speaks for. */
export interface Me {
  readonly principal: string;
  readonly kind: string;
  readonly user: string;
  readonly default_model: string | null;
  readonly features: ReadonlyArray<string>;
}

/** A day of use. */
export interface UsageDay {
  readonly day: string;
  readonly model: string;
  readonly runs: number;
  readonly usage: Usage & { readonly total_tokens: number };
  readonly cost_usd: number;
}

/** What was used in all. */
export interface UsageReport {
  readonly data: ReadonlyArray<UsageDay>;
  readonly total: {
    readonly runs: number;
    readonly usage: Usage & { readonly total_tokens: number };
    readonly cost_usd: number;
  };
}

/** A change of one file of a turn. */
export interface FileDiff {
  readonly path: string;
  readonly change: "added" | "changed" | "removed";
  readonly bytes_before: number | null;
  readonly bytes_after: number | null;
  readonly diff: string | null;
}

/** What a turn changed. */
export interface TurnDiff {
  readonly files: ReadonlyArray<FileDiff>;
  readonly files_total: number;
}

/** What was taken back of a turn. */
export interface Restored {
  readonly undone_total: number;
  readonly conflicts: ReadonlyArray<{ readonly path: string; readonly why: string }>;
}
