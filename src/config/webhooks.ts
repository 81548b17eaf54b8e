/**
 * Who is told when a response that was made in the background has ended.
 */
import { flag, optionalUrl, type Row, secret } from "./rows.ts";

/** The rows of this area, by the name the code uses. */
export const webhooksRows = {
  webhookUrl: optionalUrl("CAISSON_WEBHOOK_URL", {
    why: "Where OpenAI's webhook events about background responses are posted; unset, nobody is told.",
  }),
  webhookSecret: secret("CAISSON_WEBHOOK_SECRET", {
    why: "What signs webhooks, as whsec_ and base64; required by CAISSON_WEBHOOK_URL. Clients need it to check them.",
  }),
  webhookPrivate: flag("CAISSON_WEBHOOK_PRIVATE", {
    default: false,
    why: "Post webhooks also to addresses that are not public, such as a service beside this one.",
  }),
} as const satisfies Record<string, Row<unknown>>;
