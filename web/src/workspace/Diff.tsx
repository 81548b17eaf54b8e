/** What a turn changed in the workspace, file by file. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { diff } from "../api.ts";
import { Icon } from "../parts/Icon.tsx";
import { Code } from "../text/Code.tsx";
import { bytes, visible } from "../text/format.ts";
import type { FileDiff } from "../wire.ts";

const words = { added: "new", modified: "changed", deleted: "deleted" } as const;

const Change = ({ change }: { readonly change: FileDiff }) => (
  <li>
    <p>
      <span class={`change ${change.change}`}>{words[change.change]}</span>
      <bdi>{visible(change.path.replace(/^\/workspace\//, ""))}</bdi>
      <span class="quiet tabular">{bytes(change.bytes)}</span>
    </p>
    {typeof change.patch === "string" && change.patch !== "" && (
      <pre tabIndex={0}><Code text={change.patch} language="diff" /></pre>
    )}
  </li>
);

/** The changes of a turn, read when they are asked for. */
export const Diff = ({ session, turn }: { readonly session: string; readonly turn: string }) => {
  const changes = useSignal<ReadonlyArray<FileDiff> | string | undefined>(undefined);
  const read = () => {
    if (changes.value !== undefined) return;
    changes.value = "Reading…";
    diff(session, turn).then(({ data }) => {
      changes.value = data.length === 0 ? "This turn changed no file." : data;
    }, (error: Error) => {
      changes.value = error.message;
    });
  };
  const shown = changes.value;
  return (
    <details class="diff" onToggle={(event) => event.currentTarget.open && read()}>
      <summary>
        <Icon name="diff" size={14} />Changes in the workspace
      </summary>
      {typeof shown === "string" && <p class="quiet">{shown}</p>}
      {typeof shown === "object" && <ul>{shown.map((change) => <Change key={change.path} change={change} />)}</ul>}
    </details>
  );
};
