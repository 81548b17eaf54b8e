/**
 * The background tasks of chat clients: a title as they want it, tags or follow-up questions as JSON.
 */

/** Words of a title. */
const titleWordsMax = 6;

/** Characters of what the user said that a title is made of. */
const saidCharactersMax = 500;

/** The beginning of a text as a title: its first words, without marks. */
const titleOf = (text: string): string => {
  const [line = ""] = text.trimStart().slice(0, saidCharactersMax).split("\n", 1);
  const words = line.replace(/[`*_#<>"\\]+/g, " ").trim().split(/\s+/).slice(0, titleWordsMax).join(" ");
  return words === "" ? "Conversation" : words;
};

/** What stands after the first of some marks, "" when none is there. */
const after = (text: string, ...marks: ReadonlyArray<string>): string => {
  const found = marks.map((mark) => [mark, text.indexOf(mark)] as const).find(([, at]) => at >= 0);
  return found === undefined ? "" : text.slice(found[1] + found[0].length);
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
  return JSON.stringify({ title: titleOf(after(after(message, "<chat_history>"), "USER:")) });
};

/** Characters of a request within which it says that it wants a title. */
const wishCharactersMax = 400;

/**
 * Answers a request for a title in words: the beginning of what was said; undefined for every other request.
 *
 * *Details*: asked only where no tools are offered, as clients do when they name a chat by themselves.
 */
export const answerTitleRequest = (system: string, said: ReadonlyArray<string>): string | undefined => {
  const [wish = "", ...messages] = said;
  const asked = `${system.slice(-wishCharactersMax * 10)}\n${wish.slice(0, wishCharactersMax)}`;
  if (!/\btitles?\b/i.test(asked) || !/\b(?:generat|provid|creat)/i.test(asked)) return undefined;
  const quoted = after(wish, "BEGIN USER MESSAGES---", "Conversation:\nUser:", "\nUser:", "USER:");
  if (quoted === "" && messages.length === 0) return undefined;
  return titleOf(quoted === "" ? messages.join("\n") : quoted);
};
