/** What the page and the frame that draws a PDF tell one another. */

/** The file, sent in once. */
export interface Sent {
  readonly bytes: ArrayBuffer;
  readonly theme: string;
}

/** What the frame tells; nothing else is listened to. */
export type Said =
  | { readonly type: "ready" }
  | { readonly type: "opened"; readonly pages: number; readonly shown: number }
  | { readonly type: "failed"; readonly why: "password" | "broken" };
