/** What the page knows beside the conversation: who, which models, the service, the workspace, how it looks. */
import { effect, signal } from "npm:@preact/signals@2.11.4";
import * as api from "../api.ts";
import type { FileOut, Health, Me, SandboxOut, UsageReport } from "../wire.ts";

/** A setting that this browser remembers. */
const remembered = (key: string, fallback: string) => {
  const value = signal(localStorage.getItem(key) ?? fallback);
  effect(() => localStorage.setItem(key, value.value));
  return value;
};

/** Pixels of a window in which the panel stands beside the conversation and not over it. */
const wideLeast = 1101;
export const isPanelOver = (): boolean => innerWidth < wideLeast;

export type PanelName = "files" | "timeline" | "sandbox" | "usage";

export const theme = remembered("caisson.theme", "system");
export const model = remembered("caisson.model", "");
export const models = signal<ReadonlyArray<string>>([]);
export const me = signal<Me | undefined>(undefined);
export const health = signal<Health | undefined>(undefined);
export const sandbox = signal<SandboxOut | undefined>(undefined);
export const usage = signal<UsageReport | undefined>(undefined);
export const files = signal<ReadonlyArray<FileOut>>([]);
export const filesAreCut = signal(false);
export const filesError = signal<string | undefined>(undefined);
export const changedPaths = signal<ReadonlySet<string>>(new Set());
export const preview = signal<FileOut | undefined>(undefined);
export const panel = signal<PanelName | undefined>(isPanelOver() ? undefined : "files");
export const drawer = signal(false);
export const settingsOpen = signal(false);
export const signedOut = signal(false);
/** The server cannot be reached. */
export const offline = signal(false);
/** What a screen reader is told. */
export const said = signal("");

effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
});

api.whenSignedOut(() => {
  signedOut.value = true;
});

/** Whether the server offers something that not every server does. */
export const offers = (feature: string): boolean => me.value?.features.includes(feature) ?? false;

/** Looks at the service; its silence is what `offline` tells. */
export const refreshHealth = async (): Promise<void> => {
  try {
    health.value = await api.health();
    offline.value = false;
  } catch (error) {
    offline.value = error instanceof api.ApiError && error.status === 0;
  }
};

export const refreshSandbox = async (): Promise<void> => {
  sandbox.value = await api.sandbox().catch(() => sandbox.peek());
};

/** Reads the files; a page that is only opened starts no sandbox for it. */
export const refreshFiles = async (start = true): Promise<void> => {
  try {
    const { data, has_more: isCut } = await api.files(start);
    files.value = data;
    filesAreCut.value = isCut;
    filesError.value = undefined;
    const shown = preview.value;
    if (shown !== undefined) preview.value = data.find(({ path }) => path === shown.path) ?? shown;
  } catch (error) {
    filesError.value = api.messageOf(error);
  }
};

export const refreshUsage = async (): Promise<void> => {
  usage.value = await api.usage().catch(() => usage.peek());
};

/** Reads who this is and what can be chosen. */
export const refreshMe = async (): Promise<void> => {
  const [who, offered] = await Promise.all([
    api.me().catch(() => me.peek()),
    api.models().then(({ data }) => data.map(({ id }) => id), () => models.peek()),
  ]);
  me.value = who;
  models.value = offered;
  const wanted = [model.value, who?.default_model ?? "", models.value[0] ?? ""];
  model.value = wanted.find((id) => models.value.includes(id)) ?? "";
};

/** Shows a side of the workspace; the list, where it lies over everything, gives way. */
export const openPanel = (name: PanelName): void => {
  drawer.value = false;
  panel.value = name;
  if (name === "sandbox") void refreshSandbox();
  if (name === "usage") void refreshUsage();
};

/** Opens a file beside the conversation. */
export const openFile = (file: FileOut): void => {
  preview.value = file;
  panel.value = "files";
};

/** Closes what is open in the panel, or the panel where it lies over the conversation; false when there is nothing. */
export const closeInPanel = (): boolean => {
  if (panel.value === "files" && preview.value !== undefined) {
    preview.value = undefined;
  } else if (panel.value !== undefined && isPanelOver()) {
    panel.value = undefined;
  } else return false;
  return true;
};
