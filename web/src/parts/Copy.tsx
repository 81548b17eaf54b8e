/** Copying text, and saying that it was copied. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { useEffect, useRef } from "npm:preact@11.2.0/hooks";
import { said } from "../state/page.ts";
import { Icon } from "./Icon.tsx";

const toldMs = 1500;

/** A button that copies. */
export const Copy = ({ text }: { readonly text: string | (() => string) }) => {
  const done = useSignal(false);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      done.value = true;
      said.value = "Copied";
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        done.value = false;
      }, toldMs);
    } catch {
      said.value = "This browser does not let the page copy";
    }
  };
  return (
    <button type="button" class="copy" onClick={() => void copy()}>
      <Icon name={done.value ? "check" : "copy"} size={14} />
      {done.value ? "Copied" : "Copy"}
    </button>
  );
};
