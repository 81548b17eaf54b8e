/** Calls that wait for a person: what each would do, whole, and the way to decide. */
import { type Signal, useSignal } from "npm:@preact/signals@2.11.4";
import { useEffect, useRef } from "npm:preact@11.2.0/hooks";
import { focusAfter, takeFocus } from "../parts/focus.ts";
import { Icon } from "../parts/Icon.tsx";
import type { Decision } from "../api.ts";
import { decide, decisionError, running } from "../state/conversation.ts";
import { offline } from "../state/page.ts";
import type { RunView } from "../state/run.ts";
import { Code } from "../text/Code.tsx";
import { clock, plainCode } from "../text/format.ts";
import type { Asking, HeldCall } from "../wire.ts";
import { argumentsOf, nameOfTool } from "./stepTitle.ts";

/** What became of a call: nothing yet, on its way, carried out, or not. */
type Fate = "waits" | "sent" | "ran" | "left";

const fateWords: Readonly<Record<Fate, string>> = {
  waits: "",
  sent: "Sent",
  ran: "Approved",
  left: "Not run",
};

const fateOf = (call: HeldCall, next: RunView | undefined): Fate => {
  if (next === undefined) return "waits";
  if (
    next.parts.value.some((part) => part.kind === "step" && part.callId === call.id)
  ) return "ran";
  return next.status.value === "running" ? "sent" : "left";
};

const Call = ({ call, fate, chosen }: {
  readonly call: HeldCall;
  readonly fate: Fate;
  /** Whether it is among what is approved; absent for one that stands alone. */
  readonly chosen: Signal<ReadonlySet<string>> | undefined;
}) => {
  const { language, code, others } = argumentsOf(call.name, call.arguments);
  const name = nameOfTool(call.name);
  const why = call.rule === null ? "waits for the one before it" : `rule ${plainCode(call.rule)}`;
  const choose = (isChosen: boolean) => {
    if (chosen === undefined) return;
    const rest = [...chosen.value].filter((id) => id !== call.id);
    chosen.value = new Set(isChosen ? [...rest, call.id] : rest);
  };
  const main = code !== "" && (
    <pre key="main" tabIndex={0} aria-label={`What ${name} would do`}>
      <Code text={plainCode(code)} language={language} />
    </pre>
  );
  const further = others !== "" && (
    <pre
      key="further"
      tabIndex={0}
      aria-label={`Arguments of ${name}`}
    >{plainCode(others)}</pre>
  );
  return (
    <li>
      <div class="ask-head">
        {chosen !== undefined && fate === "waits"
          ? (
            <label>
              <input
                type="checkbox"
                checked={chosen.value.has(call.id)}
                onChange={(event) => choose(event.currentTarget.checked)}
              />
              <b>{plainCode(name)}</b>
            </label>
          )
          : <b>{plainCode(name)}</b>}
        <span class="quiet why">{why}</span>
        {fate !== "waits" && <span class={`fate ${fate}`}>{fateWords[fate]}</span>}
      </div>
      {call.name === "write_file" ? [further, main] : [main, further]}
    </li>
  );
};

/** Whether it is too late, from the moment on that it is. */
const useLate = (expiresAt: number): boolean => {
  const isLate = useSignal(Date.now() >= expiresAt * 1000);
  useEffect(() => {
    // Longer than a timer can be set is not looked at.
    const restMs = Math.min(expiresAt * 1000 - Date.now(), 2 ** 31 - 1);
    const timer = setTimeout(() => {
      isLate.value = Date.now() >= expiresAt * 1000;
    }, Math.max(0, restMs));
    return () => clearTimeout(timer);
  }, [expiresAt]);
  return isLate.value;
};

/** What approves those which are chosen. */
const approvalOf = ({ calls }: Asking, chosen: ReadonlySet<string>): Decision => {
  const ids = calls.flatMap(({ id }) => chosen.has(id) ? [id] : []);
  return { decision: "approve", ...(ids.length < calls.length && { calls: ids }) };
};

/** Characters that the server takes of a note. */
const noteCharactersMax = 2_000;

/** What the model is told beside a denial; undefined while nobody writes it. */
type Note = Signal<string | undefined>;

const NoteField = ({ note, isShut, onDeny, onCancel }: {
  readonly note: Note;
  readonly isShut: boolean;
  readonly onDeny: () => void;
  readonly onCancel: () => void;
}) => (
  <form
    class="edit note"
    onSubmit={(event) => {
      event.preventDefault();
      if (!isShut) onDeny();
    }}
    onKeyDown={(event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      onCancel();
    }}
  >
    <textarea
      aria-label="Why not, or what to do instead"
      placeholder="Why not, or what to do instead"
      dir="auto"
      maxLength={noteCharactersMax}
      value={note.value}
      ref={takeFocus}
      onInput={(event) => {
        note.value = event.currentTarget.value;
      }}
    />
    <div>
      <button type="button" class="plain" onClick={onCancel}>Cancel</button>
      <button type="submit" class="primary" disabled={isShut}>
        Deny and say so
      </button>
    </div>
  </form>
);

const Buttons = ({ run, asking, chosen, note }: {
  readonly run: RunView;
  readonly asking: Asking;
  readonly chosen: ReadonlySet<string>;
  readonly note: Note;
}) => {
  const opensNote = useRef<HTMLButtonElement>(null);
  const isLate = useLate(asking.expires_at);
  const isShut = running.value || offline.value;
  const several = asking.calls.length > 1;
  const rules = new Set(
    asking.calls.flatMap(({ rule }) => rule === null ? [] : [plainCode(rule)]),
  );
  const answer = (decision: Decision) => {
    // The buttons are about to go: the reader goes on where the conversation does.
    document.getElementById("message")?.focus();
    void decide(run, asking, decision);
  };
  const deny = () => {
    const words = note.value?.trim() ?? "";
    answer({ decision: "deny", ...(words !== "" && { note: words }) });
  };
  if (note.value !== undefined) {
    const cancel = () => {
      note.value = undefined;
      focusAfter(() => opensNote.current);
    };
    return <NoteField note={note} isShut={isShut} onDeny={deny} onCancel={cancel} />;
  }
  return (
    <div class="ask-buttons">
      {isLate
        ? (
          <span class="quiet" role="status">
            It is too late to approve this.
          </span>
        )
        : (
          <>
            <button
              type="button"
              class="primary"
              disabled={isShut || chosen.size === 0}
              onClick={() => answer(approvalOf(asking, chosen))}
            >
              Approve{several && ` ${chosen.size} of ${asking.calls.length}`}
            </button>
            <button
              type="button"
              class="plain"
              disabled={isShut || chosen.size < asking.calls.length}
              title={`Approve, and ask no more for ${[...rules].join(", ")} in this conversation`}
              onClick={() => answer({ decision: "always" })}
            >
              Always
            </button>
          </>
        )}
      <button
        type="button"
        class="plain"
        disabled={isShut}
        onClick={deny}
      >
        Deny
      </button>
      <button
        ref={opensNote}
        type="button"
        class="copy"
        aria-expanded={false}
        onClick={() => {
          note.value = "";
        }}
      >
        Say why…
      </button>
      <span class="space" />
      {!isLate && (
        <span class="quiet tabular">
          until {clock(asking.expires_at * 1000)}
        </span>
      )}
    </div>
  );
};

/** What a run asks, and what became of it in the run that followed. */
export const Approval = ({ run, asking, next }: {
  readonly run: RunView;
  readonly asking: Asking;
  readonly next: RunView | undefined;
}) => {
  const all = new Set(asking.calls.map(({ id }) => id));
  const chosen = useSignal<ReadonlySet<string>>(all);
  const note = useSignal<string | undefined>(undefined);
  const several = asking.calls.length > 1;
  const isOpen = next === undefined;
  return (
    <section
      class={`ask ${isOpen ? "open" : ""}`}
      aria-label={isOpen ? "Waiting for your decision" : "Decided"}
    >
      <header>
        <Icon name="ask" size={16} />
        <b>
          {isOpen ? `May I run ${several ? "these" : "this"}?` : "I asked to run this"}
        </b>
      </header>
      <ul>
        {asking.calls.map((call) => (
          <Call
            key={call.id}
            call={call}
            fate={fateOf(call, next)}
            chosen={several ? chosen : undefined}
          />
        ))}
      </ul>
      {isOpen && decisionError.value !== undefined && <p class="ask-error" role="alert">{decisionError.value}</p>}
      {isOpen && <Buttons run={run} asking={asking} chosen={chosen.value} note={note} />}
    </section>
  );
};
