/** The history of runs: where the time of each went, what it used, and step by step what happened. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { history, runs, titleOfTurn } from "../state/conversation.ts";
import { type RunView, type Span, tokensOf } from "../state/run.ts";
import { clock, count, duration, money, titleOf } from "../text/format.ts";
import type { RunOut, Usage } from "../wire.ts";
import { RunSteps } from "./RunSteps.tsx";

const sum = (spans: ReadonlyArray<Span>, kind: Span["kind"]): number =>
  spans.reduce((total, span) => span.kind === kind ? total + span.toMs - span.fromMs : total, 0);

const barUnits = 1000;

const Bar = ({ run }: { readonly run: RunView }) => {
  const spans = run.spans.value;
  const ended = run.endedMs.value;
  const total = Math.max(1, ...spans.map(({ toMs }) => toMs), ended === undefined ? 0 : ended - run.startedMs);
  const toolMs = sum(spans, "tool");
  const modelMs = Math.max(0, total - toolMs);
  return (
    <>
      <svg
        class="bar"
        viewBox={`0 0 ${barUnits} 10`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Model ${duration(modelMs)}, tools ${duration(toolMs)}`}
      >
        <rect class="model" x="0" y="0" width={barUnits} height="10" />
        {spans.filter(({ kind }) => kind === "tool").map((span, index) => (
          <rect
            key={index}
            class="tool"
            x={barUnits * Math.max(0, span.fromMs) / total}
            y="0"
            width={Math.max(3, barUnits * (span.toMs - span.fromMs) / total)}
            height="10"
          />
        ))}
      </svg>
      <Facts
        facts={[
          ["Model", duration(modelMs), "model"],
          ["Tools", duration(toolMs), "tool"],
          ...used(run.usage.value, run.costUsd.value),
        ]}
      />
    </>
  );
};

type Fact = readonly [name: string, value: string, mark?: "model" | "tool"];

const used = (usage: Usage | undefined, costUsd: number | null | undefined): ReadonlyArray<Fact> => [
  ["In", count(usage?.prompt_tokens ?? 0)],
  ["Out", count(usage?.completion_tokens ?? 0)],
  ...(costUsd === undefined || costUsd === null ? [] : [["Cost", money(costUsd)] as const]),
];

const Facts = ({ facts }: { readonly facts: ReadonlyArray<Fact> }) => (
  <dl>
    {facts.map(([name, value, mark]) => (
      <div key={name}>
        <dt>{mark !== undefined && <i class={mark} />}{name}</dt>
        <dd class="tabular">{value}</dd>
      </div>
    ))}
  </dl>
);

const statusWords: Readonly<Record<RunOut["status"], string | undefined>> = {
  in_progress: "running",
  completed: undefined,
  cancelled: "stopped",
  failed: "failed",
};

/** A run that the server remembers; `view` is the same run where it is shown in the conversation. */
const Remembered = ({ run, view }: { readonly run: RunOut; readonly view: RunView | undefined }) => {
  const isOpen = useSignal(false);
  const words = [
    clock(run.started_at_ms),
    run.model,
    statusWords[run.status],
    ...(view === undefined && run.duration_ms !== null ? [duration(run.duration_ms)] : []),
  ].filter((part) => part !== undefined);
  const title = titleOfTurn(run.turn) ?? (view === undefined ? run.input ?? "" : titleOf(view.text));
  return (
    <li>
      <b>
        <bdi>{title === "" ? "A run without a turn" : title}</bdi>
      </b>
      <p class="quiet tabular">{words.join(" · ")}</p>
      {view === undefined ? <Facts facts={used(run.usage, run.cost_usd)} /> : <Bar run={view} />}
      {run.status !== "in_progress" && (
        <details
          onToggle={(event) => {
            isOpen.value = event.currentTarget.open;
          }}
        >
          <summary class="quiet">Step by step</summary>
          {isOpen.value && <RunSteps id={run.id} />}
        </details>
      )}
    </li>
  );
};

/** The panel of runs, the newest first. */
export const Timeline = () => {
  const views = runs.value;
  const viewOf = (run: RunOut): RunView | undefined =>
    views.find((view) => view.id.value === run.id || (run.turn !== null && view.turn.value === run.turn));
  const past = history.value;
  const known = new Set(past.map(viewOf));
  // What goes on, and what the server does not remember, is only in the conversation.
  const others = views.filter((view) => !known.has(view));
  if (past.length + others.length === 0) {
    return <p class="empty quiet">Each run appears here with its time in the model and in tools.</p>;
  }
  const tokens = past.reduce((total, run) => total + tokensOf(run.usage), 0) +
    others.reduce((total, run) => total + tokensOf(run.usage.value), 0);
  const costUsd = past.reduce((total, run) => total + (run.cost_usd ?? 0), 0);
  const total = past.length + others.length;
  return (
    <>
      <p class="quiet tabular">
        {total} {total === 1 ? "run" : "runs"} · {count(tokens)} tokens{costUsd > 0 && ` · ${money(costUsd)}`}
      </p>
      <ol class="timeline">
        {others.toReversed().map((run) => (
          <li key={run.key}>
            <b>
              <bdi>{titleOf(run.text)}</bdi>
            </b>
            <Bar run={run} />
          </li>
        ))}
        {past.toReversed().map((run) => <Remembered key={run.id} run={run} view={viewOf(run)} />)}
      </ol>
    </>
  );
};
