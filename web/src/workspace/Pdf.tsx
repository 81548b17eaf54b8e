/** A PDF in the panel: drawn by a frame that has no origin, and so nothing of this page's within its reach. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { useEffect, useRef } from "npm:preact@11.2.0/hooks";
import { bytesOf, messageOf } from "../api.ts";
import type { Said } from "../pdf/messages.ts";
import { theme } from "../state/page.ts";
import { bytes, visible } from "../text/format.ts";
import type { FileOut } from "../wire.ts";

/** The largest PDF that is looked at. */
const pdfBytesMax = 32 * 1024 * 1024;

const failures = {
  password: "This PDF asks for a password: download it to read it.",
  broken: "This PDF cannot be read. Download it to try another program.",
} as const;

/** The file, drawn page by page. */
export const Pdf = ({ file }: { readonly file: FileOut }) => {
  const frame = useRef<HTMLIFrameElement>(null);
  const state = useSignal<string | undefined>("Reading…");
  const isTooLarge = file.bytes > pdfBytesMax;
  useEffect(() => {
    if (isTooLarge) return;
    const stop = new AbortController();
    const onMessage = async ({ data, source }: MessageEvent<Said>) => {
      const window = frame.current?.contentWindow;
      if (source === null || source !== window) return;
      if (data.type === "failed") state.value = failures[data.why];
      else if (data.type === "opened") {
        state.value = data.shown < data.pages ? `The first ${data.shown} of ${data.pages} pages.` : undefined;
      } else {
        try {
          const content = await bytesOf(file, stop.signal);
          window.postMessage({ bytes: content, theme: theme.value }, "*", [content]);
        } catch (error) {
          if (!stop.signal.aborted) state.value = messageOf(error);
        }
      }
    };
    const hear = (event: MessageEvent<Said>) => void onMessage(event);
    addEventListener("message", hear);
    return () => {
      stop.abort();
      removeEventListener("message", hear);
    };
  }, []);
  if (isTooLarge) return <p class="quiet">A PDF of more than {bytes(pdfBytesMax)}: download it to read it.</p>;
  return (
    <>
      {state.value !== undefined && <p class="quiet" role="status">{state.value}</p>}
      <iframe ref={frame} class="pdf" sandbox="allow-scripts" src="/ui/pdf.html" title={visible(file.filename)} />
    </>
  );
};
