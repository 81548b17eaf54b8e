/** One call of a tool: what it is, how long it takes, its code and what it prints. */
import { useComputed, useSignal } from "npm:@preact/signals@2.11.4";
import { useEffect } from "npm:preact@11.2.0/hooks";
import { Copy } from "../parts/Copy.tsx";
import { Icon } from "../parts/Icon.tsx";
import type { StepEnd, StepPart } from "../state/run.ts";
import { Code } from "../text/Code.tsx";
import { duration, visible } from "../text/format.ts";
import { titleOfStep } from "./stepTitle.ts";
import { Terminal } from "./Terminal.tsx";

const tickMs = 100;

const Elapsed = ({ since }: { readonly since: number }) => {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      now.value = Date.now();
    }, tickMs);
    return () => clearInterval(timer);
  }, []);
  return <span class="quiet tabular">{duration(Math.max(0, now.value - since))}</span>;
};

/** Lines of code that are shown of a step that has ended. */
const shownLines = 8;

const Source = ({ code, language, short }: {
  readonly code: string;
  readonly language: string;
  readonly short: boolean;
}) => {
  const all = useSignal(false);
  const lines = code.split("\n");
  const isCut = short && !all.value && lines.length > shownLines + 2;
  return (
    <div class="source">
      <pre tabIndex={0} aria-label="Code">
        <Code text={isCut ? lines.slice(0, shownLines).join("\n") : code} language={language} />
      </pre>
      <Copy text={code} />
      {isCut && (
        <button
          type="button"
          class="more"
          onClick={() => {
            all.value = true;
          }}
        >
          Show all {lines.length} lines
        </button>
      )}
    </div>
  );
};

const flagWords: Readonly<Record<string, string>> = {
  timed_out: "out of time",
  truncated: "output cut",
  oom_killed: "out of memory",
  restarted: "started anew",
  state_lost: "variables lost",
};

const endWords = (end: StepEnd): string =>
  [
    ...(end.exitCode === null || end.exitCode === 0 ? [] : [`exit ${end.exitCode}`]),
    ...end.flags.map((flag) => flagWords[flag] ?? flag),
    // What took no time that counts is not timed.
    ...(end.durationMs >= 10 ? [duration(end.durationMs)] : []),
  ].join(" · ");

const Screen = ({ step }: { readonly step: StepPart }) => {
  const isAny = useComputed(() => step.output.version.value > 0);
  const end = step.end.value;
  if (isAny.value) return <Terminal output={step.output} live={end === undefined} />;
  if (end !== undefined && end.result !== "") {
    return <pre class="terminal" tabIndex={0} aria-label="Result">{end.result}</pre>;
  }
  // What a file got stands above; that writing it printed nothing is no news.
  if (end !== undefined && step.tool === "write_file") return null;
  return <p class="no-output quiet">{end === undefined ? "Running…" : "No output"}</p>;
};

/** One call, as a card that opens. */
export const Step = ({ step }: { readonly step: StepPart }) => {
  const end = step.end.value;
  const { verb, what, language, code } = titleOfStep(step);
  const isFailed = end !== undefined && (end.isError || (end.exitCode ?? 0) !== 0);
  const wished = useSignal<boolean | undefined>(undefined);
  // What ran before one's eyes stays open; an old conversation shows only what failed.
  const isOpen = wished.value ?? (end === undefined || isFailed || step.startedMs > 0);
  const runsCode = step.tool === "execute_bash" || step.tool === "execute_python";
  const lines = code.split("\n").length;
  const state = end === undefined ? "running" : isFailed ? "failed" : "done";
  return (
    <section class={`step ${state}`} aria-label={`${verb} ${visible(what)}`}>
      <button
        type="button"
        class="step-head"
        aria-expanded={isOpen}
        onClick={() => {
          wished.value = !isOpen;
        }}
      >
        <span class="dot" aria-hidden="true">
          {end !== undefined && <Icon name={isFailed ? "x" : "check"} size={12} />}
        </span>
        <span class="verb">{verb}</span>
        <span class="what">
          <bdi>{isOpen && runsCode ? (lines > 1 ? `${lines} lines` : "") : visible(what)}</bdi>
        </span>
        <span class="sr">{state}</span>
        {end === undefined ? <Elapsed since={step.startedMs} /> : <span class="quiet tabular">{endWords(end)}</span>}
        <span class="turn">
          <Icon name="chevron" size={14} />
        </span>
      </button>
      {isOpen && (
        <div class="step-body">
          {code !== "" && <Source code={code} language={language} short={end !== undefined} />}
          <Screen step={step} />
        </div>
      )}
    </section>
  );
};
