/**
 * Where the keyboard stands when something that was opened goes away: at what opened it.
 *
 * What moves the focus does so while it is drawn, in a layout effect: an effect comes some time later, and then takes
 * the focus from where the reader has gone on to.
 */
import type { RefObject } from "npm:preact@11.2.0";
import { useLayoutEffect, useRef } from "npm:preact@11.2.0/hooks";

/** Puts the focus on the first that is there and can have it; the field of the message always can. */
export const focusFirst = (
  ...wanted: ReadonlyArray<Element | null | undefined>
): void => {
  for (const each of [...wanted, document.getElementById("message")]) {
    if (!(each instanceof HTMLElement)) continue;
    each.focus({ preventScroll: true });
    if (document.activeElement === each && each !== document.body) return;
  }
};

/**
 * Takes the focus when it is first drawn, as the `ref` of an element.
 *
 * It is one function for all: one that is made anew with each drawing would take the focus back each time, from
 * whoever went on elsewhere.
 */
export const takeFocus = (element: HTMLElement | null): void => element?.focus();

/** Whether nobody has the focus: what had it is gone. */
export const isFocusLost = (): boolean => document.activeElement === null || document.activeElement === document.body;

/** Gives the focus to what is found once this has been drawn anew, if what had it is gone then. */
export const focusAfter = (find: () => Element | null | undefined): void => {
  setTimeout(() => isFocusLost() && focusFirst(find()));
};

/**
 * Gives the focus back to what opened this when it goes away with the focus in it; whoever went elsewhere stays there.
 *
 * `otherwise` selects what gets it when the opener is gone too, or there was none.
 */
export const useGiveBack = (
  within: RefObject<HTMLElement | null>,
  otherwise = "#message",
): void => {
  // Before anything in here takes the focus.
  const opener = useRef(document.activeElement);
  useLayoutEffect(() => () => {
    if (
      !isFocusLost() &&
      within.current?.contains(document.activeElement) !== true
    ) return;
    if (within.current instanceof HTMLDialogElement) within.current.close();
    focusFirst(opener.current, document.querySelector(otherwise));
  }, []);
};
