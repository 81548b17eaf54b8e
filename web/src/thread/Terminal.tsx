/** A command's screen: pieces are added to its end and never drawn again. */
import { useSignalEffect } from "npm:@preact/signals@2.11.4";
import { useRef } from "npm:preact@11.2.0/hooks";
import type { Output } from "../state/run.ts";

/** Pixels from the end within which a reader follows what is printed. */
const nearEndPx = 40;

/** Colours and movements of a terminal, which say nothing here. */
// deno-lint-ignore no-control-regex
const escapes = /\u001b\[[0-9;?]*[A-Za-z]/g;

const write = (screen: HTMLElement, { stream, text }: Output["pieces"][number]): void => {
  const last = screen.lastElementChild;
  if (last instanceof HTMLElement && last.dataset["stream"] === stream) {
    last.append(text.replace(escapes, ""));
    return;
  }
  const span = document.createElement("span");
  span.dataset["stream"] = stream;
  span.append(text.replace(escapes, ""));
  screen.append(span);
};

/** The screen; while the command runs it follows the end, unless the reader has scrolled up. */
export const Terminal = ({ output, live }: { readonly output: Output; readonly live: boolean }) => {
  const element = useRef<HTMLPreElement>(null);
  const shown = useRef(0);
  const of = useRef(output.pieces);
  useSignalEffect(() => {
    output.version.value;
    const screen = element.current;
    if (screen === null) return;
    if (of.current !== output.pieces) {
      of.current = output.pieces;
      shown.current = 0;
      screen.textContent = "";
    }
    const isAtEnd = screen.scrollHeight - screen.scrollTop - screen.clientHeight < nearEndPx;
    for (const piece of output.pieces.slice(shown.current)) write(screen, piece);
    shown.current = output.pieces.length;
    if (isAtEnd && (live || output.pieces.length > 0)) screen.scrollTop = screen.scrollHeight;
  });
  return <pre class="terminal" ref={element} tabIndex={0} aria-label="Output of the command" />;
};
