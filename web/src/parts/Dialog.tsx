/** Dialogs: the browser's own, so that focus, Escape and the veil are right. */
import { signal, useSignal } from "npm:@preact/signals@2.11.4";
import type { ComponentChildren } from "npm:preact@11.2.0";
import { useLayoutEffect, useRef } from "npm:preact@11.2.0/hooks";
import { messageOf } from "../api.ts";
import { focusAfter, useGiveBack } from "./focus.ts";

interface DialogProps {
  readonly label: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A dialog that is open as long as it is shown. */
export const Dialog = ({ label, onClose, children }: DialogProps) => {
  const element = useRef<HTMLDialogElement>(null);
  useGiveBack(element);
  useLayoutEffect(() => {
    element.current?.showModal();
  }, []);
  return (
    <dialog
      ref={element}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => event.target === element.current && element.current?.close()}
    >
      {children}
    </dialog>
  );
};

interface Question {
  readonly title: string;
  readonly text: string;
  readonly verb: string;
  /** Ends when what it does is to be seen; why it could not be done is told where it was asked. */
  readonly act: () => Promise<unknown>;
}

const question = signal<Question | undefined>(undefined);

/** Asks before something that cannot be taken back. */
export const confirmThen = (asked: Question): void => {
  question.value = asked;
};

/** Where the question of {@link confirmThen} is shown. */
export const Confirm = () => question.value === undefined ? null : <Asked asked={question.value} />;

const Asked = ({ asked }: { readonly asked: Question }) => {
  const isActing = useSignal(false);
  const error = useSignal<string | undefined>(undefined);
  const close = () => {
    if (question.value === asked) question.value = undefined;
  };
  const agree = async () => {
    isActing.value = true;
    error.value = undefined;
    try {
      await asked.act();
      close();
      // What asked may be what was taken away.
      focusAfter(() => undefined);
    } catch (failure) {
      error.value = messageOf(failure);
    }
    isActing.value = false;
  };
  return (
    <Dialog label={asked.title} onClose={close}>
      <h2>{asked.title}</h2>
      <p>{asked.text}</p>
      {error.value !== undefined && <p class="notice bad" role="alert">{error.value}</p>}
      <div class="dialog-buttons">
        <button type="button" class="plain" onClick={close}>Cancel</button>
        <button
          type="button"
          class="plain danger"
          disabled={isActing.value}
          onClick={() => void agree()}
        >
          {asked.verb}
        </button>
      </div>
    </Dialog>
  );
};
