/** The sandbox of this user: its state, what runs in it, and the ways to end that. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { resetSandbox, stopSandbox } from "../api.ts";
import { confirmThen } from "../parts/Dialog.tsx";
import { Icon } from "../parts/Icon.tsx";
import { running, stop } from "../state/conversation.ts";
import { health, offers, refreshFiles, refreshSandbox, sandbox } from "../state/page.ts";
import { bytes, duration, visible } from "../text/format.ts";
import type { CommandOut, GrantOut, MeasureOut, SandboxOut } from "../wire.ts";
import { Jobs } from "./Jobs.tsx";
import { Previews } from "./Previews.tsx";
import { Egress } from "./RunSteps.tsx";

const stateWords: Readonly<Record<NonNullable<SandboxOut["state"]>, string>> = {
  none: "not started yet; it starts with the first command",
  starting: "starting",
  idle: "ready",
  busy: "working",
};

const barUnits = 1000;
/** The part of what there may be from which on it is nearly used up. */
const nearlyFull = .9;

const Measure = ({ name, measure }: { readonly name: string; readonly measure: MeasureOut | null | undefined }) => {
  if (measure === null || measure === undefined) return null;
  const { used_bytes: used, max_bytes: most } = measure;
  return (
    <div class="measure">
      <span>{name}</span>
      <span class="quiet tabular">{bytes(used)}{most !== null && ` of ${bytes(most)}`}</span>
      {most !== null && (
        <svg
          viewBox={`0 0 ${barUnits} 6`}
          preserveAspectRatio="none"
          role="meter"
          aria-valuemin={0}
          aria-valuemax={most}
          aria-valuenow={Math.min(used, most)}
          aria-label={name}
          aria-valuetext={`${bytes(used)} of ${bytes(most)}`}
        >
          <rect class="room" width={barUnits} height="6" />
          <rect
            class={used > most * nearlyFull ? "full" : "held"}
            width={barUnits * Math.min(1, used / most)}
            height="6"
          />
        </svg>
      )}
    </div>
  );
};

const Commands = ({ commands }: { readonly commands: ReadonlyArray<CommandOut> }) =>
  commands.length === 0 ? null : (
    <>
      <h3>Running now</h3>
      <ul class="jobs">
        {commands.map(({ kind, command, started_at_ms: startedMs }) => (
          <li key={`${startedMs} ${command}`} class="job-head">
            <span class="lamp busy" />
            <code>{visible(command.split("\n")[0] ?? "")}</code>
            <span class="quiet tabular">
              {kind === "python" ? "Python" : "Shell"} · {duration(Math.max(0, Date.now() - startedMs))}
            </span>
          </li>
        ))}
      </ul>
    </>
  );

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
  const act = async (what: () => Promise<unknown>) => {
    await what();
    await Promise.all([refreshFiles(), refreshSandbox()]);
  };
  const stopIt = () => {
    error.value = undefined;
    void act(stopSandbox).catch((failure: Error) => {
      error.value = failure.message;
    });
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
            onClick={stopIt}
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

/** Hosts that the user granted, and until when. */
const Granted = ({ granted }: { readonly granted: ReadonlyArray<GrantOut> }) =>
  granted.length === 0 ? null : (
    <>
      <h3>Hosts that you granted</h3>
      <ul class="jobs">
        {granted.map(({ host, port, expires_at_ms: expiresMs }) => (
          <li key={`${host}:${port}`}>
            <bdi>{visible(host)}</bdi>
            {port === 443 ? "" : `:${port}`}{" "}
            <span class="quiet">
              {expiresMs > Date.now() ? "until" : "over since"} {new Date(expiresMs).toLocaleTimeString()}
            </span>
          </li>
        ))}
      </ul>
    </>
  );

/** The panel of the sandbox. */
export const SandboxPanel = () => {
  const service = health.value?.sandbox;
  const state = sandbox.value;
  return (
    <div class="sandbox">
      <h2 class="sr">Sandbox</h2>
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
          <Measure name="Memory" measure={state.memory} />
          <Measure name="Disk" measure={state.disk} />
          <Commands commands={state.commands ?? []} />
          <Jobs jobs={state.jobs ?? []} />
          {offers("previews") && <Previews previews={state.previews ?? []} />}
          <Granted granted={state.egress_granted ?? []} />
          {state.egress !== undefined && state.egress.length > 0 && (
            <>
              <h3>Network since it started</h3>
              <Egress egress={state.egress} />
            </>
          )}
        </>
      )}
      <Controls />
      <Buttons />
    </div>
  );
};
