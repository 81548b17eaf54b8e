/** A question and its answer: words, steps, files, and how it ended. */
import { Copy } from "../parts/Copy.tsx";
import { Icon } from "../parts/Icon.tsx";
import { ask, here, running } from "../state/conversation.ts";
import { offers } from "../state/page.ts";
import { type Part, type RunView, type TextPart, tokensOf } from "../state/run.ts";
import { count, duration, money } from "../text/format.ts";
import { Markdown } from "../text/Markdown.tsx";
import { Diff } from "../workspace/Diff.tsx";
import { Approval } from "./Approval.tsx";
import { Asked } from "./Asked.tsx";
import { Files } from "./Files.tsx";
import { Step } from "./Step.tsx";

const reasons: Readonly<Record<string, string>> = {
  TurnLimit: "The run reached its limit of turns.",
  TimeLimit: "The run reached its time limit.",
  OutputLimit: "The model reached its token limit.",
  RunOutputLimit: "The run reached its output limit.",
  SpendingLimit: "The spending limit is reached.",
  ContentFilter: "The provider withheld the answer.",
};

const Say = ({ part }: { readonly part: TextPart }) => <Markdown text={part.text.value} />;

const Thought = ({ part }: { readonly part: TextPart }) => (
  <details class="thought">
    <summary>Thoughts</summary>
    <p dir="auto">{part.text.value}</p>
  </details>
);

const Waiting = () => (
  <p class="waiting" role="status">
    <span />
    <span />
    <span />
    <b class="sr">Waiting for the model</b>
  </p>
);

/** Whether nothing else shows that something goes on: no text grows, and no command runs. */
const isWaiting = (last: Part | undefined): boolean =>
  last === undefined || last.kind === "thought" || (last.kind === "step" && last.end.value !== undefined);

const again = (run: RunView) => void ask(run.text, [], run.parent);

const Notices = ({ run }: { readonly run: RunView }) => {
  const reason = reasons[run.reason.value ?? ""];
  return (
    <>
      {run.error.value !== undefined && (
        <div class="notice bad" role="alert">
          <span>{run.error.value}</span>
          <button type="button" class="plain" disabled={running.value} onClick={() => again(run)}>Try again</button>
        </div>
      )}
      {run.status.value === "stopped" && <div class="notice">Stopped. What was finished is kept.</div>}
      {reason !== undefined && <div class="notice">{reason}</div>}
    </>
  );
};

const answerOf = (run: RunView): string =>
  run.parts.value.flatMap((part) => part.kind === "text" ? [part.text.value] : []).join("\n\n");

const Foot = ({ run }: { readonly run: RunView }) => {
  const ended = run.endedMs.value;
  const cost = run.costUsd.value;
  const facts = [
    ...(tokensOf(run.usage.value) === 0 ? [] : [`${count(tokensOf(run.usage.value))} tokens`]),
    ...(ended === undefined ? [] : [duration(ended - run.startedMs)]),
    run.model.value,
    ...(cost === undefined || cost === 0 ? [] : [money(cost)]),
  ];
  return (
    <div class="foot">
      {answerOf(run) !== "" && <Copy text={() => answerOf(run)} />}
      {run.error.value === undefined && (
        <button
          type="button"
          class="copy"
          disabled={running.value}
          onClick={() => again(run)}
        >
          <Icon name="redo" size={14} />
          Again
        </button>
      )}
      <span class="quiet tabular">{facts.join(" · ")}</span>
    </div>
  );
};

/** A question and its answer. */
export const Turn = ({ run, next, number, answers }: {
  readonly run: RunView;
  /** What follows it, which is also what answers what it asks. */
  readonly next: RunView | undefined;
  readonly number: number;
  /** It answers what the run before it asked. */
  readonly answers: boolean;
}) => {
  const asking = run.asking.value;
  const parts = run.parts.value;
  const isRunning = run.status.value === "running";
  const turn = run.turn.value;
  return (
    <article class="turn-block" aria-label={`Message ${number}`}>
      <Asked run={run} asked={answers} />
      <div class="answered">
        {parts.map((part) =>
          part.kind === "step"
            ? <Step key={part.key} step={part} />
            : part.kind === "thought"
            ? <Thought key={part.key} part={part} />
            : <Say key={part.key} part={part} />
        )}
        {isRunning && isWaiting(parts.at(-1)) && <Waiting />}
        <Files files={run.files.value} />
        <Notices run={run} />
        {!isRunning && turn !== undefined && offers("diff") && parts.some(({ kind }) => kind === "step") && (
          <Diff session={here.value} turn={turn} />
        )}
        {!isRunning && asking !== undefined && <Approval key={asking.id} run={run} asking={asking} next={next} />}
        {!isRunning && <Foot run={run} />}
      </div>
    </article>
  );
};
