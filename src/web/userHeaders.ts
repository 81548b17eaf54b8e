/**
 * The user that the headers of a request name; one rule for both doors.
 */

import { headerText } from "./headerText.ts";

/** Headers as received, by name. */
type Headers = Readonly<Record<string, string | undefined>>;

/** Characters of a user's name, wherever it stands; OpenAI's bound of `user` and of metadata. */
export const userNameMax = 512;

/** A user as a header names it. */
export interface HeaderUser {
  /** The header that names it. */
  readonly header: string;
  readonly name: string;
}

/** Where users stand, strongest first: Open WebUI's own header only says who sits in front of the chat UI. */
const userHeaders = ["x-user-id", "x-openwebui-user-id"] as const;

/**
 * The user that a request's headers name; none when every such header is absent, blank, or a template that
 * a chat UI did not fill.
 *
 * *Details*: the name is not bounded here; a door refuses one of more than {@link userNameMax} characters.
 */
export const userInHeaders = (headers: Headers): HeaderUser | undefined => {
  for (const header of userHeaders) {
    const name = headerText(headers[header] ?? "").trim();
    if (name !== "" && !name.startsWith("{{")) return { header, name };
  }
  return undefined;
};
