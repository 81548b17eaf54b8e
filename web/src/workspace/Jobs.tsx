/** What goes on in the background of the sandbox: what each job prints, and the way to end it. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { useEffect, useRef } from "npm:preact@11.2.0/hooks";
import { endJob, jobOutput, messageOf } from "../api.ts";
import { refreshSandbox } from "../state/page.ts";
import { duration, visible } from "../text/format.ts";
import type { JobOut } from "../wire.ts";

/** How often the output of a job that runs is read on. */
const readMs = 1_000;
/** Characters that are shown of a job's output; its beginning goes first. */
const shownMax = 200_000;

const statusWords: Readonly<Record<JobOut["status"], string>> = {
  running: "running",
  exited: "ended",
  killed: "ended by you",
  timed_out: "out of time",
  failed: "failed",
};

const wordsOf = ({ status, exit_code: code, started_at: from, ended_at: to }: JobOut): string =>
  [
    status === "exited" && code !== null && code !== 0 ? `exit ${code}` : statusWords[status],
    duration(Math.max(0, (to ?? Date.now() / 1000) - from) * 1000),
  ].join(" · ");

/** What a job printed, read on while it runs and this is shown. */
const Output = ({ job }: { readonly job: JobOut }) => {
  const text = useSignal("");
  const error = useSignal<string | undefined>(undefined);
  const screen = useRef<HTMLPreElement>(null);
  const isRunning = job.status === "running";
  const next = useRef<number | undefined>(undefined);
  useEffect(() => {
    let timer = 0;
    let isShown = true;
    const readOn = async (): Promise<void> => {
      try {
        const read = await jobOutput(job.id, next.current);
        if (!isShown) return;
        next.current = read.next_offset;
        text.value = (text.value + read.text).slice(-shownMax);
        error.value = undefined;
        const hasMore = read.text !== "" && read.next_offset < read.total_bytes;
        if (hasMore) return await readOn();
      } catch (failure) {
        if (isShown) error.value = messageOf(failure);
      }
      if (isShown && isRunning) timer = setTimeout(() => void readOn(), readMs);
    };
    void readOn();
    return () => {
      isShown = false;
      clearTimeout(timer);
    };
  }, [job.id, isRunning]);
  useEffect(() => {
    const element = screen.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
  }, [text.value]);
  if (error.value !== undefined) return <p class="quiet" role="alert">{error.value}</p>;
  return (
    <pre class="terminal" ref={screen} tabIndex={0} aria-label="Output of the job">
      {text.value === "" ? (isRunning ? "Nothing was printed yet." : "Nothing was printed.") : text.value}
    </pre>
  );
};

const Job = ({ job }: { readonly job: JobOut }) => {
  const isOpen = useSignal(false);
  const error = useSignal<string | undefined>(undefined);
  const head = useRef<HTMLButtonElement>(null);
  const isRunning = job.status === "running";
  const end = () =>
    void endJob(job.id).then(() => {
      error.value = undefined;
    }, (failure: Error) => {
      error.value = failure.message;
    }).then(refreshSandbox).then(() => head.current?.focus());
  return (
    <li>
      <div class="job-head">
        <button
          ref={head}
          type="button"
          aria-expanded={isOpen.value}
          onClick={() => {
            isOpen.value = !isOpen.value;
          }}
        >
          <span class={`lamp ${isRunning ? "busy" : ""}`} />
          <code>{visible(job.command.split("\n")[0] ?? "")}</code>
          <span class="quiet tabular">{wordsOf(job)}</span>
        </button>
        {isRunning && (
          <button type="button" class="copy" aria-label={`End the job ${visible(job.command)}`} onClick={end}>
            End
          </button>
        )}
      </div>
      {isOpen.value && <Output job={job} />}
      {error.value !== undefined && <p class="notice bad" role="alert">{error.value}</p>}
    </li>
  );
};

/** The jobs, the newest first. */
export const Jobs = ({ jobs }: { readonly jobs: ReadonlyArray<JobOut> }) =>
  jobs.length === 0 ? null : (
    <>
      <h3>Background jobs</h3>
      <ul class="jobs">{jobs.toReversed().map((job) => <Job key={job.id} job={job} />)}</ul>
    </>
  );
