/** Web servers in the sandbox: links that open them beside this page, and the ways to make and to end one. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { useRef } from "npm:preact@11.2.0/hooks";
import { endPreview, openPreview } from "../api.ts";
import { refreshSandbox } from "../state/page.ts";
import { clock } from "../text/format.ts";
import type { PreviewOut } from "../wire.ts";

const portMost = 65_535;

/** Whether an address may stand in a link: a server's word is not taken for it. */
const isWeb = (url: string): boolean => /^https?:\/\//i.test(url);

/** The links, and a field for a further port. */
export const Previews = ({ previews }: { readonly previews: ReadonlyArray<PreviewOut> }) => {
  const port = useSignal("");
  const field = useRef<HTMLInputElement>(null);
  const error = useSignal<string | undefined>(undefined);
  const act = (what: () => Promise<unknown>) =>
    void what().then(() => {
      error.value = undefined;
      port.value = "";
    }, (failure: Error) => {
      error.value = failure.message;
    }).then(refreshSandbox).then(() => field.current?.focus());
  const wanted = Number(port.value);
  const isPort = Number.isInteger(wanted) && wanted >= 1 && wanted <= portMost;
  return (
    <>
      <h3>Previews</h3>
      {previews.length > 0 && (
        <ul class="jobs">
          {previews.filter(({ url }) => isWeb(url)).map(({ port: shown, url, expires_at: expires }) => (
            <li key={shown} class="job-head">
              <a href={url} target="_blank" rel="noopener noreferrer">Port {shown}</a>
              <span class="space" />
              <span class="quiet tabular">until {clock(expires * 1000)}</span>
              <button
                type="button"
                class="copy"
                aria-label={`End the preview of port ${shown}`}
                onClick={() =>
                  act(() =>
                    endPreview(shown)
                  )}
              >
                End
              </button>
            </li>
          ))}
        </ul>
      )}
      <form
        class="port"
        onSubmit={(event) => {
          event.preventDefault();
          if (isPort) act(() => openPreview(wanted));
        }}
      >
        <input
          ref={field}
          inputMode="numeric"
          aria-label="Port to preview"
          placeholder="Port, such as 8000"
          maxLength={5}
          value={port.value}
          onInput={(event) => {
            port.value = event.currentTarget.value;
          }}
        />
        <button type="submit" class="plain" disabled={!isPort}>Preview</button>
      </form>
      {error.value !== undefined && <p class="notice bad" role="alert">{error.value}</p>}
    </>
  );
};
