/** What tabs of this page tell one another, so that a second one shows what the first began. */

/** What has happened in another tab. */
export type Notice =
  | {
    readonly type: "run";
    readonly session: string;
    readonly run: string;
    readonly text: string;
    readonly parent: string | null;
  }
  | { readonly type: "changed"; readonly session: string }
  | { readonly type: "deleted"; readonly session: string };

const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("caisson") : undefined;

/** Tells the other tabs. */
export const tell = (notice: Notice): void => channel?.postMessage(notice);

/** Hears the other tabs. */
export const listen = (act: (notice: Notice) => void): void => {
  if (channel !== undefined) channel.onmessage = ({ data }: MessageEvent<Notice>) => act(data);
};
