/** Where the time of each run went. */
import { runs } from "../state/conversation.ts";
import { type RunView, type Span, tokensOf } from "../state/run.ts";
import { count, duration, money, titleOf } from "../text/format.ts";

const sum = (spans: ReadonlyArray<Span>, kind: Span["kind"]): number =>
  spans.reduce((total, span) => span.kind === kind ? total + span.toMs - span.fromMs : total, 0);

const barUnits = 1000;

const Bar = ({ run }: { readonly run: RunView }) => {
  const spans = run.spans.value;
  const ended = run.endedMs.value;
  const total = Math.max(1, ...spans.map(({ toMs }) => toMs), ended === undefined ? 0 : ended - run.startedMs);
  const toolMs = sum(spans, "tool");
  const modelMs = Math.max(0, total - toolMs);
  const usage = run.usage.value;
  const facts: ReadonlyArray<readonly [string, string, string]> = [
    ["Model", duration(modelMs), "model"],
    ["Tools", duration(toolMs), "tool"],
    ["In", count(usage?.prompt_tokens ?? 0), ""],
    ["Out", count(usage?.completion_tokens ?? 0), ""],
    ...(run.costUsd.value === undefined ? [] : [["Cost", money(run.costUsd.value), ""] as const]),
  ];
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
      <dl>
        {facts.map(([name, value, mark]) => (
          <div key={name}>
            <dt>{mark !== "" && <i class={mark} />}{name}</dt>
            <dd class="tabular">{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
};

/** The panel of runs, the newest first. */
export const Timeline = () => {
  const shown = runs.value.toReversed();
  if (shown.length === 0) {
    return <p class="empty quiet">Each run appears here with its time in the model and in tools.</p>;
  }
  const tokens = shown.reduce((total, run) => total + tokensOf(run.usage.value), 0);
  return (
    <>
      <p class="quiet">{shown.length} {shown.length === 1 ? "run" : "runs"} · {count(tokens)} tokens</p>
      <ol class="timeline">
        {shown.map((run) => (
          <li key={run.key}>
            <b>
              <bdi>{titleOf(run.text)}</bdi>
            </b>
            <Bar run={run} />
          </li>
        ))}
      </ol>
    </>
  );
};
