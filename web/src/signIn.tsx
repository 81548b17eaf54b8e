/** Signing in with a key, when the server has keys. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { messageOf, signIn } from "./api.ts";
import { takeFocus } from "./parts/focus.ts";

/** The form; the key is sent once and kept nowhere on this page. */
export const SignIn = () => {
  const error = useSignal<string | undefined>(undefined);
  const isBusy = useSignal(false);
  const submit = async (form: HTMLFormElement) => {
    const key = new FormData(form).get("key");
    if (typeof key !== "string" || key.trim() === "") return;
    isBusy.value = true;
    error.value = undefined;
    try {
      await signIn(key.trim());
      location.reload();
    } catch (failure) {
      error.value = messageOf(failure);
      isBusy.value = false;
    }
  };
  return (
    <main class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <h1>Caisson</h1>
        <p class="quiet">
          This server asks for a key. Its operator makes one with <code>caisson keys create</code>.
        </p>
        <label>
          Key
          <input
            name="key"
            type="password"
            autocomplete="current-password"
            required
            ref={takeFocus}
          />
        </label>
        {error.value !== undefined && <p class="notice bad" role="alert">{error.value}</p>}
        <button type="submit" class="primary" disabled={isBusy.value}>Sign in</button>
      </form>
    </main>
  );
};
