/** Numbers and names as people read them. */

/** Bytes in the largest unit that keeps them above one. */
export const bytes = (count: number): string =>
  count < 1024
    ? `${count} B`
    : count < 1024 ** 2
    ? `${(count / 1024).toFixed(count < 10_240 ? 1 : 0)} KB`
    : count < 1024 ** 3
    ? `${(count / 1024 ** 2).toFixed(1)} MB`
    : `${(count / 1024 ** 3).toFixed(1)} GB`;

/** A span of time. */
export const duration = (ms: number): string =>
  ms < 1000
    ? `${Math.max(0, Math.round(ms))} ms`
    : ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round(ms % 60_000 / 1000)} s`;

/** A moment: the time of a day that is today, with its date otherwise. */
export const clock = (ms: number): string => {
  const at = new Date(ms);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return at.toDateString() === new Date().toDateString()
    ? time
    : `${at.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
};

/** A day such as 2026-01-31, shortly. */
export const dayName = (day: string): string =>
  new Date(`${day}T00:00:00Z`).toLocaleDateString([], { day: "numeric", month: "short", timeZone: "UTC" });

/** A count of tokens. */
export const count = (of: number): string =>
  of < 1000 ? String(of) : of < 100_000 ? `${(of / 1000).toFixed(1)}k` : `${Math.round(of / 1000)}k`;

/** Money, with enough digits to see small sums. */
export const money = (usd: number): string =>
  usd === 0 ? "$0" : usd < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`;

/** Under which heading of the list a moment stands. */
export const dayGroup = (seconds: number, nowMs: number): string => {
  const midnight = new Date(nowMs).setHours(0, 0, 0, 0);
  const days = Math.ceil((midnight - seconds * 1000) / 86_400_000);
  return days <= 0 ? "Today" : days === 1 ? "Yesterday" : days < 7 ? "This week" : "Earlier";
};

/** Characters that hide or reorder what stands beside them. */
// deno-lint-ignore no-control-regex
const deceiving = /[\u0000-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** A name as it is, with what would hide or reorder it made visible. */
export const visible = (name: string): string => name.replace(deceiving, "\ufffd");

/** Characters that nobody sees, or that turn a text around, but not the line breaks of code. */
const unseen =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Code as it is, with every character that nobody sees shown as its number: what is approved is what is read. */
export const plainCode = (code: string): string =>
  code.replace(unseen, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);
/** A title without the marks of Markdown, which nothing draws there. */
export const plainTitle = (title: string): string => visible(title).replace(/`|\*\*|^#{1,6} /g, "");

const titleCharactersMax = 70;

/** The first words of a message as a title. */
export const titleOf = (text: string): string => {
  const line = plainTitle(text.slice(0, 500).split("\n").find((part) => part.trim() !== "")?.trim() ?? "").trim();
  const characters = [...line];
  return characters.length <= titleCharactersMax ? line : `${characters.slice(0, titleCharactersMax - 1).join("")}…`;
};
