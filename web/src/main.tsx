/** Starts the page. */
import { effect } from "npm:@preact/signals@2.11.4";
import { render } from "npm:preact@11.2.0";
import { App } from "./app.tsx";
import { here, open, running } from "./state/conversation.ts";
import { refreshList } from "./state/conversations.ts";
import {
  offline,
  panel,
  refreshFiles,
  refreshHealth,
  refreshMe,
  refreshSandbox,
  refreshUsage,
  signedOut,
} from "./state/page.ts";

/** How often the service is looked at; more often while it is away. */
const healthMs = 15_000;
const awayMs = 2_000;
/** How often the sandbox is looked at while something runs in it, or somebody looks at it. */
const busyMs = 2_000;

const readAll = (): Promise<unknown> =>
  Promise.all([refreshMe(), refreshList(), refreshFiles(here.value !== ""), refreshSandbox(), refreshUsage()]);

const watchHealth = async (): Promise<void> => {
  const wasOffline = offline.value;
  if (document.visibilityState === "visible") await refreshHealth();
  if (wasOffline && !offline.value) await readAll();
  setTimeout(() => void watchHealth(), offline.value ? awayMs : healthMs);
};

effect(() => {
  if (!running.value && panel.value !== "sandbox") return;
  const timer = setInterval(() => {
    if (document.visibilityState === "visible") void refreshSandbox();
  }, busyMs);
  return () => clearInterval(timer);
});

addEventListener("hashchange", () => {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("s") ?? "";
  if (wanted !== here.value) void open(wanted);
});

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
void watchHealth();
const named = here.value;
void readAll().then(() => {
  // Whoever has asked or gone elsewhere meanwhile keeps what is shown.
  if (!signedOut.value && named !== "" && here.value === named) void open(named);
});
