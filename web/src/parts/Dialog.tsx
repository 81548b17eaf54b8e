/** Dialogs: the browser's own, so that focus, Escape and the veil are right. */
import { signal } from "npm:@preact/signals@2.11.4";
import type { ComponentChildren } from "npm:preact@11.2.0";
import { useEffect, useRef } from "npm:preact@11.2.0/hooks";

interface DialogProps {
  readonly label: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A dialog that is open as long as it is shown. */
export const Dialog = ({ label, onClose, children }: DialogProps) => {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
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
  readonly act: () => void;
}

const question = signal<Question | undefined>(undefined);

/** Asks before something that cannot be taken back. */
export const confirmThen = (asked: Question): void => {
  question.value = asked;
};

/** Where the question of {@link confirmThen} is shown. */
export const Confirm = () => {
  const asked = question.value;
  if (asked === undefined) return null;
  const close = () => {
    question.value = undefined;
  };
  return (
    <Dialog label={asked.title} onClose={close}>
      <h2>{asked.title}</h2>
      <p>{asked.text}</p>
      <div class="dialog-buttons">
        <button type="button" class="plain" onClick={close}>Cancel</button>
        <button
          type="button"
          class="plain danger"
          onClick={() => {
            close();
            asked.act();
          }}
        >
          {asked.verb}
        </button>
      </div>
    </Dialog>
  );
};
