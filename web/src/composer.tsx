/** Where a message is written. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { useLayoutEffect, useRef } from "npm:preact@11.2.0/hooks";
import { Icon, IconButton } from "./parts/Icon.tsx";
import { ask, here, running, stop, waiting } from "./state/conversation.ts";
import { model, models, said } from "./state/page.ts";
import { again, attach, detach, failed, takeUploads, type Upload, uploading, uploads } from "./state/uploads.ts";
import { bytes, visible } from "./text/format.ts";

const draftKey = (session: string): string => `caisson.draft.${session}`;

const UploadRow = ({ upload }: { readonly upload: Upload }) => {
  const error = upload.error.value;
  const isDone = upload.done.value !== undefined;
  const name = visible(upload.name);
  return (
    <li class={error === undefined ? "" : "bad"}>
      <Icon name="file" size={15} />
      <bdi class="name">{name}</bdi>
      <span class="quiet" role={error === undefined ? undefined : "alert"}>
        {error ?? (isDone ? bytes(upload.bytes) : `${Math.round(upload.part.value * 100)} %`)}
      </span>
      {!isDone && error === undefined && (
        <progress
          max={1}
          value={upload.part.value}
          aria-label={`Upload of ${name}`}
        />
      )}
      {error !== undefined && (
        <IconButton
          name="redo"
          label={`Upload ${name} again`}
          size={13}
          onClick={() => again(upload.key)}
        />
      )}
      <IconButton name="x" label={`Remove ${name}`} size={13} onClick={() => detach(upload.key)} />
    </li>
  );
};

const ModelChoice = () => (
  <label class="select">
    <span class="sr">Model</span>
    <select
      value={model.value}
      onChange={(event) => {
        model.value = event.currentTarget.value;
      }}
    >
      {models.value.map((id) => <option key={id} value={id}>{id}</option>)}
    </select>
  </label>
);

/** The text of the message, kept over reloads and switches of the conversation. */
const useDraft = () => {
  const text = useSignal("");
  const session = here.value;
  useLayoutEffect(() => {
    text.value = localStorage.getItem(draftKey(session)) ?? "";
  }, [session]);
  const write = (value: string) => {
    text.value = value;
    if (value === "") localStorage.removeItem(draftKey(session));
    else localStorage.setItem(draftKey(session), value);
  };
  return { text, write };
};

/** The field, its files, the model and the button that sends or stops. */
export const Composer = () => {
  const { text, write } = useDraft();
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const isDraggedOver = useSignal(false);
  const session = here.value;
  useLayoutEffect(() => area.current?.focus({ preventScroll: true }), [session]);
  const send = () => {
    const words = text.value.trim();
    if (words === "" || running.value || uploading.value) return;
    if (failed.value) {
      said.value = "A file was not uploaded: upload it again, or take it off the message";
      return;
    }
    write("");
    void ask(words, takeUploads());
  };
  const take = (files: FileList | null | undefined) => {
    if (files === null || files === undefined || files.length === 0) return;
    attach(files);
    said.value = files.length === 1 ? "A file is attached" : `${files.length} files are attached`;
  };
  return (
    <form
      class={`composer ${isDraggedOver.value ? "over" : ""}`}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onDragOver={(event) => {
        event.preventDefault();
        isDraggedOver.value = true;
      }}
      onDragLeave={() => {
        isDraggedOver.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        isDraggedOver.value = false;
        take(event.dataTransfer?.files);
      }}
    >
      {uploads.value.length > 0 && (
        <ul class="attachments">{uploads.value.map((each) => <UploadRow key={each.key} upload={each} />)}</ul>
      )}
      <div class="grow">
        <span class="ghost" aria-hidden="true">{`${text.value}\n`}</span>
        <textarea
          ref={area}
          id="message"
          rows={1}
          dir="auto"
          aria-label="Message"
          placeholder={waiting.value === undefined
            ? "Ask for something to run"
            : "Or say something else: then it is not run"}
          value={text.value}
          onInput={(event) => write(event.currentTarget.value)}
          onPaste={(event) => {
            if ((event.clipboardData?.files.length ?? 0) === 0) return;
            event.preventDefault();
            take(event.clipboardData?.files);
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
      </div>
      <div class="tools">
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-label="Files to attach"
          onChange={(event) => {
            take(event.currentTarget.files);
            event.currentTarget.value = "";
          }}
        />
        <IconButton name="clip" label="Attach files" onClick={() => picker.current?.click()} />
        <ModelChoice />
        <span class="space" />
        {running.value
          ? (
            <button type="button" class="send stop" aria-label="Stop" title="Stop (Esc)" onClick={() => void stop()}>
              <Icon name="stop" />
            </button>
          )
          : (
            <button
              type="submit"
              class="send"
              aria-label="Send"
              title="Send (Enter)"
              disabled={text.value.trim() === "" || uploading.value || failed.value}
            >
              <Icon name="send" />
            </button>
          )}
      </div>
    </form>
  );
};
