/** What stands beside the conversation: files, runs, the sandbox. */
import { useLayoutEffect, useRef } from "npm:preact@11.2.0/hooks";
import { useGiveBack } from "../parts/focus.ts";
import { IconButton } from "../parts/Icon.tsx";
import { isPanelOver, openPanel, panel, type PanelName } from "../state/page.ts";
import { SandboxPanel } from "./Sandbox.tsx";
import { Timeline } from "./Timeline.tsx";
import { FilesPanel } from "./Tree.tsx";
import { UsagePanel } from "./Usage.tsx";

const tabs: ReadonlyArray<{ readonly id: PanelName; readonly label: string }> = [
  { id: "files", label: "Files" },
  { id: "timeline", label: "Timeline" },
  { id: "sandbox", label: "Sandbox" },
  { id: "usage", label: "Usage" },
];

const moves: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowLeft: -1 };

const onTabKey = (event: KeyboardEvent, index: number) => {
  const move = moves[event.key];
  if (move === undefined) return;
  const next = tabs[(index + move + tabs.length) % tabs.length];
  if (next === undefined) return;
  event.preventDefault();
  openPanel(next.id);
  document.getElementById(`tab-${next.id}`)?.focus();
};

const bodies = { files: FilesPanel, timeline: Timeline, sandbox: SandboxPanel, usage: UsagePanel } as const;

/** The right side, when it is open. */
export const Panel = () => panel.value === undefined ? null : <Shown name={panel.value} />;

const Shown = ({ name: shown }: { readonly name: PanelName }) => {
  const Body = bodies[shown];
  const element = useRef<HTMLElement>(null);
  useGiveBack(element, "#workspace");
  useLayoutEffect(() => {
    // What lies over the conversation is what is worked with.
    if (isPanelOver() && !element.current?.contains(document.activeElement)) {
      document.getElementById(`tab-${shown}`)?.focus();
    }
  }, []);
  return (
    <aside class="panel" aria-label="Workspace" ref={element}>
      <header>
        <div role="tablist" aria-label="Workspace">
          {tabs.map(({ id, label }, index) => (
            <button
              key={id}
              type="button"
              role="tab"
              id={`tab-${id}`}
              aria-controls="panel-body"
              aria-selected={shown === id}
              tabIndex={shown === id ? 0 : -1}
              onKeyDown={(event) => onTabKey(event, index)}
              onClick={() => openPanel(id)}
            >
              {label}
            </button>
          ))}
        </div>
        <IconButton
          name="x"
          label="Close the workspace"
          size={16}
          onClick={() => {
            panel.value = undefined;
          }}
        />
      </header>
      <div class="panel-body" id="panel-body" role="tabpanel" aria-labelledby={`tab-${shown}`} tabIndex={0}>
        <Body />
      </div>
    </aside>
  );
};
