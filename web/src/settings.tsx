/** Settings of this browser, and who is signed in. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { setUserName, signOut, userName } from "./api.ts";
import { Dialog } from "./parts/Dialog.tsx";
import { health, me, settingsOpen, signedOut, theme } from "./state/page.ts";

const themes = [["system", "As the system"], ["light", "Light"], ["dark", "Dark"]] as const;

const Themes = () => (
  <fieldset>
    <legend>Theme</legend>
    {themes.map(([id, label]) => (
      <label key={id}>
        <input
          type="radio"
          name="theme"
          checked={theme.value === id}
          onChange={() => {
            theme.value = id;
          }}
        />
        {label}
      </label>
    ))}
  </fieldset>
);

const UserName = () => {
  const name = useSignal(userName());
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setUserName(name.value);
        location.reload();
      }}
    >
      <label>
        User name
        <input
          value={name.value}
          maxLength={64}
          onInput={(event) => {
            name.value = event.currentTarget.value;
          }}
        />
      </label>
      <p class="quiet">Each name has conversations and a workspace of its own on this server.</p>
      <button type="submit" class="plain" disabled={name.value.trim() === "" || name.value === userName()}>
        Change
      </button>
    </form>
  );
};

const leave = async () => {
  await signOut().catch(() => undefined);
  signedOut.value = true;
  settingsOpen.value = false;
};

/** The dialog, when it is open. */
export const SettingsDialog = () => {
  if (!settingsOpen.value) return null;
  const close = () => {
    settingsOpen.value = false;
  };
  const who = me.value;
  return (
    <Dialog label="Settings" onClose={close}>
      <h2>Settings</h2>
      <Themes />
      {who !== undefined && who.kind !== "anonymous"
        ? (
          <p>
            Signed in as <b>{who.principal}</b>.{" "}
            <button type="button" class="plain" onClick={() => void leave()}>Sign out</button>
          </p>
        )
        : <UserName />}
      <p class="quiet">
        Caisson {health.value?.version ?? ""} · <a href="/docs">API reference</a>
      </p>
      <div class="dialog-buttons">
        <button type="button" class="primary" onClick={close}>Done</button>
      </div>
    </Dialog>
  );
};
