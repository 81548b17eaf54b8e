/** The list of conversations. */
import { signal } from "npm:@preact/signals@2.11.4";
import * as api from "../api.ts";
import type { SessionOut } from "../wire.ts";

export const list = signal<ReadonlyArray<SessionOut>>([]);
export const hasMore = signal(false);
export const query = signal("");
export const listError = signal<string | undefined>(undefined);

/** Reads the first page again; an answer that was overtaken by a newer question is dropped. */
export const refreshList = async (): Promise<void> => {
  const asked = query.value;
  try {
    const { data, has_more: more } = await api.sessions(asked);
    if (query.value !== asked) return;
    list.value = data;
    hasMore.value = more ?? false;
    listError.value = undefined;
  } catch (error) {
    listError.value = api.messageOf(error);
  }
};

/** Reads the next page. */
export const loadMore = async (): Promise<void> => {
  const asked = query.value;
  const { data, has_more: more } = await api.sessions(asked, list.value.at(-1)?.id);
  if (query.value !== asked) return;
  list.value = [...list.value, ...data];
  hasMore.value = more ?? false;
};

/** The title of a conversation in the list. */
export const titleIn = (id: string): string | undefined =>
  list.value.find((item) => item.id === id)?.title ?? undefined;

/** Gives a conversation another title, at once here and then on the server. */
export const rename = async (id: string, title: string): Promise<void> => {
  const wanted = title.trim();
  if (wanted === "" || wanted === titleIn(id)) return;
  list.value = list.value.map((item) => item.id === id ? { ...item, title: wanted } : item);
  await api.renameSession(id, wanted).catch((error: Error) => {
    listError.value = error.message;
  });
  await refreshList();
};
