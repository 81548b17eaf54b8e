/** What happened in a run, step by step, and what it reached of the network. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { useEffect } from "npm:preact@11.2.0/hooks";
import { runDetail } from "../api.ts";
import { bytes, count, duration, money, visible } from "../text/format.ts";
import { nameOfTool } from "../thread/stepTitle.ts";
import type { EgressOut, RunDetail, RunStepOut } from "../wire.ts";

const barUnits = 1000;

const nameOf = (step: RunStepOut): string => step.type === "model_turn" ? "Model" : nameOfTool(step.tool);

const wordsOf = (step: RunStepOut): string =>
  (step.type === "model_turn"
    ? [
      ...(step.usage === null
        ? []
        : [`${count(step.usage.prompt_tokens)} in, ${count(step.usage.completion_tokens)} out`]),
      ...(step.cost_usd === null ? [] : [money(step.cost_usd)]),
    ]
    : [
      ...(step.exit_code === null || step.exit_code === 0 ? [] : [`exit ${step.exit_code}`]),
      ...(step.is_error === true ? ["failed"] : []),
      ...step.flags.map((flag) => flag.replaceAll("_", " ")),
    ]).join(" · ");

const Step = ({ step, totalMs }: { readonly step: RunStepOut; readonly totalMs: number }) => (
  <tr>
    <th scope="row">{nameOf(step)}</th>
    <td>
      <svg viewBox={`0 0 ${barUnits} 6`} preserveAspectRatio="none" aria-hidden="true">
        <rect
          class={step.type === "model_turn" ? "model" : "tool"}
          x={barUnits * Math.min(1, step.started_ms / totalMs)}
          y="0"
          width={Math.max(8, barUnits * (step.duration_ms ?? 0) / totalMs)}
          height="6"
        />
      </svg>
    </td>
    <td class="tabular">{step.duration_ms === null ? "cut" : duration(step.duration_ms)}</td>
    <td class="quiet">{wordsOf(step)}</td>
  </tr>
);

/** What was asked of the network, host by host. */
export const Egress = ({ egress }: { readonly egress: ReadonlyArray<EgressOut> }) => (
  <table class="usage egress">
    <thead>
      <tr>
        <th>Host</th>
        <th>Verdict</th>
        <th>Sent</th>
        <th>Received</th>
      </tr>
    </thead>
    <tbody>
      {egress.map(({ host, port, verdict, reason, connections, up_bytes: up, down_bytes: down }) => (
        <tr key={`${host}:${port} ${verdict} ${reason}`}>
          <td>
            <bdi>{visible(host)}</bdi>
            {port === 443 ? "" : `:${port}`}
            {connections > 1 && <span class="quiet">× {connections}</span>}
          </td>
          <td class={`verdict ${verdict}`}>
            {verdict}
            {reason !== null && <span class="quiet">: {reason}</span>}
          </td>
          <td>{bytes(up)}</td>
          <td>{bytes(down)}</td>
        </tr>
      ))}
    </tbody>
  </table>
);

const Detail = ({ run }: { readonly run: RunDetail }) => {
  // What comes after the last step, such as looking for files, is no step.
  const totalMs = Math.max(
    1,
    ...run.timeline.map((step) => step.started_ms + (step.duration_ms ?? 0)),
  );
  const egress = run.egress ?? [];
  return (
    <>
      <table class="steps">
        <tbody>
          {run.timeline.map((step, index) => <Step key={index} step={step} totalMs={totalMs} />)}
        </tbody>
      </table>
      {run.timeline_left_out > 0 && <p class="quiet">{run.timeline_left_out} more steps are not remembered.</p>}
      {egress.length > 0 && <Egress egress={egress} />}
      {(run.egress_left_out ?? 0) > 0 && <p class="quiet">{run.egress_left_out} more connections.</p>}
    </>
  );
};

/** The steps of a run, read when they are shown. */
export const RunSteps = ({ id }: { readonly id: string }) => {
  const found = useSignal<RunDetail | string>("Reading…");
  useEffect(() => {
    let isShown = true;
    runDetail(id).then((run) => {
      if (isShown) found.value = run;
    }, (error: Error) => {
      if (isShown) found.value = error.message;
    });
    return () => {
      isShown = false;
    };
  }, [id]);
  const shown = found.value;
  return typeof shown === "string" ? <p class="quiet" role="status">{shown}</p> : <Detail run={shown} />;
};
