/**
 * Requests that clients make for themselves: titles, tags, follow-up questions, names of chats.
 *
 * They ask the same model as the chat, often under the chat's own session and before its first message. Each row is one
 * client's request as it is sent: what stands between the client's own words differs from chat to chat, the words do
 * not. A request is one of these only as a whole, from its first character to its last.
 */
import { type Message, textOf } from "../../domain/Message.ts";

/** One client's request for itself. */
interface Template {
  readonly client: string;
  readonly asksFor: string;
  /** How the only instruction of the request begins; absent, the request has none that matters. */
  readonly instruction?: string;
  /**
   * The client's own words in a lone user message, in order: it begins with the first, and ends with the last unless
   * that is followed by the conversation.
   */
  readonly words: readonly [first: string, ...others: ReadonlyArray<string>];
  /** The conversation stands at the end, after the last of the words. */
  readonly endsWithConversation?: boolean;
  /** The words are a message of their own, and the conversation follows as messages. */
  readonly conversationFollows?: boolean;
}

const openWebUi = (asksFor: string, task: string, output: string): Template => ({
  client: "Open WebUI",
  asksFor,
  words: [
    `### Task:\n${task}`,
    "\n### Guidelines:\n",
    `\n### Output:\n${output}`,
    "\n### Chat History:\n<chat_history>\n",
    "</chat_history>",
  ],
});

const libreChat = (words: string): Template => ({
  client: "LibreChat",
  asksFor: "a title",
  words: [words],
  endsWithConversation: true,
});

/** The requests that are known, by what their clients ask for. */
export const backgroundTemplates: ReadonlyArray<Template> = [
  openWebUi("a title", "Generate a concise, 3-5 word title with an emoji summarizing the chat history.", ""),
  openWebUi(
    "tags",
    "Generate 1-3 broad tags categorizing the main themes of the chat history, along with 1-3 more specific subtopic " +
      "tags.",
    'JSON format: { "tags": ',
  ),
  openWebUi(
    "follow-up questions",
    "Suggest 3-5 relevant follow-up questions or prompts that the user might naturally ask next in this conversation " +
      "as a **user**, based on the chat history, to help continue or deepen the discussion.",
    'JSON format: { "follow_ups": ',
  ),
  openWebUi(
    "search queries",
    "Analyze the chat history to determine the necessity of generating search queries, in the given language.",
    "",
  ),
  openWebUi(
    "the words for an image",
    // So it is sent.
    "Generate a detailed prompt for am image generation task based on the given language and context.",
    "",
  ),
  {
    client: "Open WebUI",
    asksFor: "the rest of a sentence",
    words: [
      "### Task:\nYou are an autocompletion system. Continue the text in `<text>` based on the **completion type** in " +
      "`<type>` and the given language.",
      "\n### **Output Rules**:\n",
      "\n### Context:\n<chat_history>\n",
      "\n</chat_history>\n<type>",
      "\n#### Output:",
    ],
  },
  {
    client: "Open WebUI",
    asksFor: "an emoji",
    words: [
      "Your task is to reflect the speaker's likely facial expression through a fitting emoji. Interpret emotions from " +
      "the message and reflect their facial expression using fitting, diverse emojis",
      "\n\nMessage: ```",
      "```",
    ],
  },
  {
    client: "opencode",
    asksFor: "a title",
    instruction: "You are a title generator. You output ONLY a thread title. Nothing else.\n",
    words: ["Generate a title for this conversation:"],
    conversationFollows: true,
  },
  {
    client: "gptme",
    asksFor: "a title",
    instruction: "Generate concise conversation titles.",
    words: ["Your task: Create a 2-4 word title for this conversation.\n\nRules:\n", "\n\nConversation:\n"],
    endsWithConversation: true,
  },
  {
    client: "gptme",
    asksFor: "a name",
    instruction: "Generate concise conversation titles.",
    words: ["Generate a descriptive name for this conversation.\n\n", "\n\nConversation:\n"],
    endsWithConversation: true,
  },
  libreChat(
    "Provide a concise, 5-word-or-less title for the conversation, using its same language, with no punctuation. Apply " +
      "title case conventions appropriate for the language. Never directly mention the language name or the word " +
      '"title" and only return the title itself.\n\nConversation:\n',
  ),
  libreChat(
    "Provide a concise, 5-word-or-less title for the conversation, using title case conventions. Only return the title " +
      "itself.\n\nConversation:\n",
  ),
  libreChat(
    "Analyze this conversation and provide:\n1. The detected language of the conversation\n2. A concise title in the " +
      "detected language (5 words or less, no punctuation or quotation)\n\n",
  ),
  {
    client: "goose",
    asksFor: "a title",
    instruction: "Generate a short title (four words or less) that describes the topic of the user's messages.",
    words: ["---BEGIN ", "---END USER MESSAGES---\n\nGenerate a short title for the above messages."],
  },
];

/** Whether a text is these words in their order, from the first character to the last. */
const isMadeOf = (text: string, { words, endsWithConversation }: Template): boolean => {
  const [first, ...others] = words;
  if (!text.startsWith(first)) return false;
  const last = others.pop();
  if (last === undefined) return endsWithConversation === true || text.length === first.length;
  let at = first.length;
  for (const word of others) {
    const found = text.indexOf(word, at);
    if (found < 0) return false;
    at = found + word.length;
  }
  return endsWithConversation === true
    ? text.indexOf(last, at) >= 0
    : text.endsWith(last) && text.length - last.length >= at;
};

/** Whether a request is one that a client makes for itself, told by its words as a whole. */
export const isBackgroundRequest = (
  messages: ReadonlyArray<Message>,
  instructions: ReadonlyArray<string>,
): boolean => {
  const [said, ...others] = messages;
  if (said?.role !== "user") return false;
  const text = textOf(said).trim();
  return backgroundTemplates.some((template) => {
    const { instruction, conversationFollows = false } = template;
    if ((others.length > 0) !== conversationFollows) return false;
    if (instruction !== undefined && !instructions.some((given) => `${given.trim()}\n`.startsWith(instruction))) {
      return false;
    }
    return isMadeOf(text, template);
  });
};
