/** What a turn changed in the workspace, file by file, and taking it back. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { diff, restoreTurn } from "../api.ts";
import { confirmThen } from "../parts/Dialog.tsx";
import { Icon } from "../parts/Icon.tsx";
import { refreshFiles } from "../state/page.ts";
import { Code } from "../text/Code.tsx";
import { bytes, visible } from "../text/format.ts";
import type { FileDiff, Restored, TurnDiff } from "../wire.ts";

const words = { added: "new", changed: "changed", removed: "deleted" } as const;

const Change = ({ change }: { readonly change: FileDiff }) => (
  <li>
    <p>
      <span class={`change ${change.change}`}>{words[change.change]}</span>
      <bdi>{visible(change.path)}</bdi>
      <span class="quiet tabular">
        {bytes(change.bytes_after ?? change.bytes_before ?? 0)}
      </span>
    </p>
    {change.diff !== null && change.diff !== "" && <pre tabIndex={0}><Code text={change.diff} language="diff" /></pre>}
  </li>
);

/** What came of taking a turn back. */
const saidOf = ({ undone_total: undone, conflicts }: Restored): string => {
  const done = undone === 1 ? "1 file was taken back." : `${undone} files were taken back.`;
  const left = conflicts.map(({ path, why }) => `${visible(path)} stays as it is: ${why}.`);
  return [done, ...left].join(" ");
};

/** The changes of a turn, read when they are asked for. */
export const Diff = (
  { session, turn }: { readonly session: string; readonly turn: string },
) => {
  const changes = useSignal<TurnDiff | string | undefined>(undefined);
  const said = useSignal<string | undefined>(undefined);
  const read = () => {
    if (changes.value !== undefined) return;
    changes.value = "Reading…";
    diff(session, turn).then((found) => {
      changes.value = found.files.length === 0 ? "This turn changed no file." : found;
    }, (error: Error) => {
      changes.value = error.message;
    });
  };
  const askToRestore = () =>
    confirmThen({
      title: "Take these changes back?",
      text: "The files become what they were before this turn. What was changed since stays, and is named.",
      verb: "Take back",
      act: async () => {
        said.value = saidOf(await restoreTurn(session, turn));
        await refreshFiles();
      },
    });
  const shown = changes.value;
  return (
    <details
      class="diff"
      onToggle={(event) => event.currentTarget.open && read()}
    >
      <summary>
        <Icon name="diff" size={14} />Changes in the workspace
      </summary>
      {typeof shown === "string" && <p class="quiet">{shown}</p>}
      {typeof shown === "object" && (
        <>
          <ul>
            {shown.files.map((change) => <Change key={change.path} change={change} />)}
          </ul>
          {shown.files_total > shown.files.length && (
            <p class="quiet">
              {shown.files_total - shown.files.length} more are not shown.
            </p>
          )}
          <button type="button" class="plain" onClick={askToRestore}>
            Take these changes back
          </button>
        </>
      )}
      {said.value !== undefined && <p role="status">{said.value}</p>}
    </details>
  );
};
