/** The sandbox of this user: its state, what runs in it, and the ways to end that. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { resetSandbox, stopSandbox } from "../api.ts";
import { confirmThen } from "../parts/Dialog.tsx";
import { Icon } from "../parts/Icon.tsx";
import { running, stop } from "../state/conversation.ts";
import { health, offers, refreshFiles, refreshSandbox, sandbox, usage } from "../state/page.ts";
import { bytes, count, duration, money } from "../text/format.ts";
import type { SandboxOut } from "../wire.ts";

const stateWords: Readonly<Record<NonNullable<SandboxOut["state"]>, string>> = {
  none: "not started yet; it starts with the first command",
  starting: "starting",
  idle: "ready",
  busy: "working",
};

const Measure = ({ name, used, limit }: {
  readonly name: string;
  readonly used: number | null | undefined;
  readonly limit: number | null | undefined;
}) => {
  if (used === null || used === undefined) return null;
  const of = limit === null || limit === undefined ? undefined : limit;
  return (
    <p class="measure">
      <span>{name}</span>
      {of !== undefined && (
        <meter
          min={0}
          max={of}
          value={used}
          aria-label={`${name} ${bytes(used)} of ${bytes(of)}`}
        />
      )}
      <span class="quiet tabular">{bytes(used)}{of !== undefined && ` of ${bytes(of)}`}</span>
    </p>
  );
};

const Running = ({ state }: { readonly state: SandboxOut }) => {
  const commands = state.commands ?? [];
  const jobs = state.jobs ?? [];
  const previews = state.previews ?? [];
  return (
    <>
      {commands.length > 0 && (
        <ul class="running">
          {commands.map((command) => (
            <li key={command.call_id}>
              <code>{command.command.slice(0, 120)}</code>{" "}
              <span class="quiet tabular">{duration(Date.now() - command.started_at_ms)}</span>
            </li>
          ))}
        </ul>
      )}
      {jobs.length > 0 && (
        <>
          <h3>Jobs</h3>
          <ul class="running">
            {jobs.map((job) => (
              <li key={job.id}>
                <code>{job.command.slice(0, 120)}</code> <span class="quiet">{job.status}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {previews.length > 0 && (
        <>
          <h3>Previews</h3>
          <ul>
            {previews.map(({ port, url }) => (
              <li key={port}>
                <a href={url} target="_blank" rel="noopener noreferrer">Port {port}</a>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
};

const Controls = () => {
  const state = health.value?.sandbox;
  if (state === undefined || state.not_applied.length === 0) return null;
  const { length } = state.not_applied;
  return (
    <details>
      <summary>{length === 1 ? "1 control is not applied" : `${length} controls are not applied`}</summary>
      <ul>
        {state.not_applied.map(({ control, detail }) => (
          <li key={control}>
            <b>{control}</b> <span class="quiet">{detail}</span>
          </li>
        ))}
      </ul>
    </details>
  );
};

const Buttons = () => {
  const error = useSignal<string | undefined>(undefined);
  const act = (what: () => Promise<unknown>) => {
    error.value = undefined;
    void what().catch((failure: Error) => {
      error.value = failure.message;
    }).then(() => Promise.all([refreshFiles(), refreshSandbox()]));
  };
  const askToReset = () =>
    confirmThen({
      title: "Reset the workspace?",
      text: "Every file of your workspace is deleted, and the sandbox starts afresh.",
      verb: "Reset",
      act: () => act(resetSandbox),
    });
  const isThere = sandbox.value !== undefined && sandbox.value.state !== "none" && sandbox.value.state !== null;
  return (
    <>
      <div class="buttons">
        <button type="button" class="plain" disabled={!running.value} onClick={() => void stop()}>
          <Icon name="stop" size={15} />Stop the run
        </button>
        {offers("sandbox_stop") && (
          <button
            type="button"
            class="plain"
            disabled={!isThere}
            onClick={() => act(stopSandbox)}
          >
            <Icon name="box" size={15} />Stop the sandbox
          </button>
        )}
        <button type="button" class="plain danger" onClick={askToReset}>
          <Icon name="trash" size={15} />Reset workspace
        </button>
      </div>
      {error.value !== undefined && <p class="notice bad" role="alert">{error.value}</p>}
    </>
  );
};

const shownDays = 14;

const UsageTable = () => {
  const report = usage.value;
  if (report === undefined || report.data.length === 0) return <p class="quiet">Nothing was used yet.</p>;
  return (
    <table class="usage">
      <thead>
        <tr>
          <th>Day</th>
          <th>Model</th>
          <th>Runs</th>
          <th>Tokens</th>
          <th>Cost</th>
        </tr>
      </thead>
      <tbody>
        {report.data.toReversed().slice(0, shownDays).map((day) => (
          <tr key={`${day.day} ${day.model}`}>
            <td>{day.day.slice(5)}</td>
            <td>{day.model}</td>
            <td>{day.runs}</td>
            <td>{count(day.usage.total_tokens)}</td>
            <td>{money(day.cost_usd)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};

/** The panel of the sandbox. */
export const SandboxPanel = () => {
  const service = health.value?.sandbox;
  const state = sandbox.value;
  return (
    <div class="sandbox">
      <h2>Sandbox</h2>
      {service !== undefined && (
        <>
          <p>
            <span class={`lamp ${service.healthy ? (state?.state === "busy" ? "busy" : "good") : "bad"}`} />
            {service.kind}, {service.healthy
              ? (state === undefined || state.state === null ? "working" : stateWords[state.state])
              : service.detail}
          </p>
          <p class="quiet">{service.why}</p>
        </>
      )}
      {state !== undefined && (
        <>
          <Measure name="Memory" used={state.usage?.memory_bytes} limit={state.limits?.memory_bytes} />
          <Measure name="Disk" used={state.usage?.disk_bytes} limit={state.limits?.disk_bytes} />
          <Running state={state} />
        </>
      )}
      <Controls />
      <Buttons />
      <h2>Usage, last 30 days</h2>
      <UsageTable />
    </div>
  );
};
