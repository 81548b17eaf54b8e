/**
 * The background tasks of chat UIs: a title, tags or follow-up questions for a conversation, as JSON.
 */

/** Words of a title. */
const titleWordsMax = 6;

/** Characters of what the user said that a title is made of. */
const saidCharactersMax = 500;

/** The first thing the user said in the history that such a task quotes. */
const firstSaid = (message: string): string => {
  const history = message.indexOf("<chat_history>");
  const said = history < 0 ? -1 : message.indexOf("USER:", history);
  return said < 0 ? "" : message.slice(said + "USER:".length).trimStart().slice(0, saidCharactersMax)
    .split("\n", 1).join("").replace(/[`*_#<>"\\]+/g, " ").replace(/\s+/g, " ").trim();
};

/**
 * Answers a task whose prompt shows the JSON object it wants; undefined for every other message.
 *
 * Rules find no topics: the title is the beginning of what was said, and there are no tags.
 */
export const answerUiTask = (message: string): string | undefined => {
  const wanted = /\{\s{0,20}"(title|tags|follow_ups|queries)"\s{0,20}:/.exec(message)?.[1];
  if (wanted === undefined) return undefined;
  if (wanted !== "title") return JSON.stringify({ [wanted]: [] });
  const words = firstSaid(message).split(" ").slice(0, titleWordsMax).join(" ");
  return JSON.stringify({ title: words === "" ? "Conversation" : words });
};
