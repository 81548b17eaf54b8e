/**
 * The background tasks of chat UIs: a title, tags or follow-up questions for a conversation, as JSON.
 */

/** Words of a title. */
const titleWordsMax = 6;

/** The first thing the user said in the history that such a task quotes. */
const firstSaid = (message: string): string =>
  (/<chat_history>[\s\S]*?\bUSER:\s*([^\n]+)/i.exec(message)?.[1] ?? "")
    .replace(/[`*_#<>"\\]+/g, " ").replace(/\s+/g, " ").trim();

/**
 * Answers a task whose prompt shows the JSON object it wants; undefined for every other message.
 *
 * Rules find no topics: the title is the beginning of what was said, and there are no tags.
 */
export const answerUiTask = (message: string): string | undefined => {
  const wanted = /\{\s*"(title|tags|follow_ups|queries)"\s*:/.exec(message)?.[1];
  if (wanted === undefined) return undefined;
  if (wanted !== "title") return JSON.stringify({ [wanted]: [] });
  const words = firstSaid(message).split(" ").slice(0, titleWordsMax).join(" ");
  return JSON.stringify({ title: words === "" ? "Conversation" : words });
};
