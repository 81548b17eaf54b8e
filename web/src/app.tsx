/** The frame of the page: the conversations, the conversation, and what stands beside it. */
import { useSignalEffect } from "npm:@preact/signals@2.11.4";
import { useEffect, useLayoutEffect, useRef } from "npm:preact@11.2.0/hooks";
import { Composer } from "./composer.tsx";
import { Confirm } from "./parts/Dialog.tsx";
import { useGiveBack } from "./parts/focus.ts";
import { IconButton } from "./parts/Icon.tsx";
import { SettingsDialog } from "./settings.tsx";
import { Sidebar } from "./sidebar.tsx";
import { SignIn } from "./signIn.tsx";
import { here, open, running, stop, title, waiting } from "./state/conversation.ts";
import { closeInPanel, drawer, offline, panel, said, signedOut } from "./state/page.ts";
import { plainTitle } from "./text/format.ts";
import { Thread } from "./thread/Thread.tsx";
import { Panel } from "./workspace/Panel.tsx";

/** Escape closes what is worked with, or what lies over the conversation, or stops the run. */
const onEscape = () => {
  if (drawer.value) {
    drawer.value = false;
    return;
  }
  const isInPanel = document.querySelector(".panel")?.contains(document.activeElement) === true;
  if ((isInPanel || !running.value) && closeInPanel()) return;
  void stop();
};

/** Escape as above; Control-K begins a new conversation. A dialog has its keys for itself. */
const onKey = (event: KeyboardEvent) => {
  if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]") !== null) return;
  if (event.key === "Escape") onEscape();
  else if (event.key === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    void open("");
  }
};

/** What lies between the list and the conversation on a phone; the list has the focus as long. */
const Veil = () => {
  const list = useRef(document.querySelector<HTMLElement>(".sidebar"));
  useGiveBack(list);
  useLayoutEffect(() => list.current?.querySelector<HTMLElement>(".new")?.focus(), []);
  return (
    <button
      type="button"
      class="veil"
      aria-label="Close the list"
      onClick={() => {
        drawer.value = false;
      }}
    />
  );
};

const Top = ({ name }: { readonly name: string }) => (
  <header class="top">
    <span class="only-small">
      <IconButton
        name="menu"
        label="Conversations"
        onClick={() => {
          drawer.value = !drawer.value;
        }}
      />
    </span>
    <h1>
      <bdi>{name}</bdi>
    </h1>
    <span class="space" />
    <IconButton
      id="workspace"
      name="panel"
      label="Workspace"
      pressed={panel.value !== undefined}
      onClick={() => {
        panel.value = panel.value === undefined ? "files" : undefined;
      }}
    />
  </header>
);

const skip = (event: Event) => {
  event.preventDefault();
  document.getElementById("message")?.focus();
};

/** The whole page. */
export const App = () => {
  const name = here.value === "" ? "New conversation" : plainTitle(title.value ?? "Conversation");
  useSignalEffect(() => {
    const shown = title.value;
    const mark = waiting.value === undefined ? "" : "Waiting for you: ";
    document.title = here.value === "" || shown === undefined ? "Caisson" : `${mark}${plainTitle(shown)} · Caisson`;
  });
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  if (signedOut.value) return <SignIn />;
  return (
    <div class={`app ${panel.value === undefined ? "" : "with-panel"} ${drawer.value ? "with-drawer" : ""}`}>
      <a class="skip" href="#message" onClick={skip}>To the message field</a>
      <Sidebar />
      {drawer.value && <Veil />}
      <main>
        <Top name={name} />
        {offline.value && (
          <p class="banner" role="status">The server cannot be reached. This page goes on when it is back.</p>
        )}
        <Thread />
        <div class="dock">
          <Composer />
          <p class="fine quiet">Code runs in a sandbox. Check what matters.</p>
        </div>
      </main>
      <Panel />
      <Confirm />
      <SettingsDialog />
      <p class="sr" role="status" aria-live="polite">{said.value}</p>
    </div>
  );
};
