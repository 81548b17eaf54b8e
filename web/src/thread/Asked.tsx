/** A question: what was said, with its files, its versions and the way to change it. */
import { type Signal, useSignal } from "npm:@preact/signals@2.11.4";
import { useRef } from "npm:preact@11.2.0/hooks";
import { focusAfter, focusFirst, takeFocus } from "../parts/focus.ts";
import { Icon, IconButton } from "../parts/Icon.tsx";
import { ask, choose, running, versionsOf } from "../state/conversation.ts";
import type { RunView } from "../state/run.ts";
import { visible } from "../text/format.ts";
import { Markdown } from "../text/Markdown.tsx";

const Edit = ({ run, draft, onCancel }: {
  readonly run: RunView;
  readonly draft: Signal<string | undefined>;
  readonly onCancel: () => void;
}) => (
  <form
    class="edit"
    onSubmit={(event) => {
      event.preventDefault();
      const text = draft.value ?? "";
      if (text.trim() === "") return;
      draft.value = undefined;
      focusFirst();
      void ask(text, [], run.parent);
    }}
    onKeyDown={(event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      onCancel();
    }}
  >
    <textarea
      aria-label="Edit the message"
      value={draft.value}
      ref={takeFocus}
      onInput={(event) => {
        draft.value = event.currentTarget.value;
      }}
    />
    <div>
      <button type="button" class="plain" onClick={onCancel}>Cancel</button>
      <button type="submit" class="primary">Send again</button>
    </div>
  </form>
);

const Versions = ({ run }: { readonly run: RunView }) => {
  const { ids, at } = versionsOf(run);
  if (ids.length < 2 || at < 0) return null;
  return (
    <span class="versions" role="group" aria-label="Versions of this message">
      <IconButton
        name="left"
        label="Earlier version"
        size={14}
        disabled={at === 0 || running.value}
        onClick={() => choose(run, -1)}
      />
      <span class="tabular">{at + 1}/{ids.length}</span>
      <IconButton
        name="chevron"
        label="Later version"
        size={14}
        disabled={at === ids.length - 1 || running.value}
        onClick={() => choose(run, 1)}
      />
    </span>
  );
};

/** The words of the buttons that answer what was asked, as they are told afterwards; other words are words. */
const decisions: ReadonlyArray<readonly [words: RegExp, told: string]> = [
  [/^yes$/, "You approved"],
  [/^yes( \d\d?){1,99}$/, "You approved a part"],
  [/^always$/, "You approved, now and from now on"],
  [/^no$/, "You denied"],
];

/** A note that went with a denial. */
const noteIn = /^No, not this\. ([^]+)$/;

/** The question of a run; `asked` tells that it answers what the run before it asked. */
export const Asked = (
  { run, asked }: { readonly run: RunView; readonly asked: boolean },
) => {
  const decision = asked ? decisions.find(([words]) => words.test(run.text))?.[1] : undefined;
  const note = asked ? noteIn.exec(run.text)?.[1] : undefined;
  if (decision !== undefined || note !== undefined) {
    return (
      <div class="asked">
        <p class="decision quiet">{decision ?? "You denied, and said"}</p>
        {note !== undefined && (
          <div class="bubble">
            <Markdown text={note} />
          </div>
        )}
        <div class="actions">
          <Versions run={run} />
        </div>
      </div>
    );
  }
  return <Question run={run} />;
};

const Question = ({ run }: { readonly run: RunView }) => {
  const draft = useSignal<string | undefined>(undefined);
  const pencil = useRef<HTMLButtonElement>(null);
  const cancel = () => {
    draft.value = undefined;
    focusAfter(() => pencil.current);
  };
  return (
    <div class="asked">
      {draft.value === undefined
        ? (
          <div class="bubble">
            <Markdown text={run.text} />
            {run.uploads.map((path) => (
              <span key={path} class="chip">
                <Icon name="file" size={14} />
                <bdi>{visible(path.slice(path.lastIndexOf("/") + 1))}</bdi>
              </span>
            ))}
          </div>
        )
        : <Edit run={run} draft={draft} onCancel={cancel} />}
      <div class="actions">
        <Versions run={run} />
        <IconButton
          element={pencil}
          name="edit"
          label="Edit the message"
          size={15}
          disabled={running.value}
          onClick={() => {
            draft.value = run.text;
          }}
        />
      </div>
    </div>
  );
};
