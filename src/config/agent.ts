/**
 * The agent: its name and prompt, the bounds of a run, how its tools are shown.
 */
import { choice, integer, number, optionalText, type Row, text, toolRules } from "./rows.ts";

/** The rows of this area, by the name the code uses. */
export const agentRows = {
  agentName: text("AGENT_NAME", { default: "code_executor_agent", why: "Name of the agent in its prompt." }),
  systemPromptFile: optionalText("CAISSON_SYSTEM_PROMPT_FILE", {
    why: "Text file that replaces who the agent is and how it works; tools, sandbox and skills are still told.",
  }),
  systemPromptAppendFile: optionalText("CAISSON_SYSTEM_PROMPT_APPEND_FILE", {
    why: "Text file whose content stands at the end of the system prompt.",
  }),
  turnsMax: integer("CAISSON_TURNS_MAX", {
    default: 32,
    least: 1,
    most: 1000,
    unit: "model turns",
    why: "Model turns in one run before it is cut with finish_reason length.",
  }),
  runSecondsMax: number("CAISSON_RUN_SECONDS_MAX", {
    default: 900,
    least: 1,
    most: 86400,
    unit: "seconds",
    why: "Wall time of one run before it is cut with finish_reason length.",
  }),
  runOutputBytesMax: integer("CAISSON_RUN_OUTPUT_BYTES_MAX", {
    default: 8 * 1024 * 1024,
    least: 1024,
    most: 1024 ** 3,
    unit: "bytes",
    why: "Answer text and tool results of one run before it is cut with finish_reason length.",
  }),
  toolView: choice("CAISSON_TOOL_VIEW", {
    choices: ["text", "tool_calls", "reasoning", "details", "none"],
    default: "text",
    why: "How tool activity is shown when a request does not choose.",
  }),
  toolsDeny: toolRules("CAISSON_TOOLS_DENY", {
    why: "Tool calls that are never carried out, with commas; the model is told the rule.",
  }),
  toolsAsk: toolRules("CAISSON_TOOLS_ASK", {
    why: "Tool calls that a person must approve first: the run pauses, and the next message decides.",
  }),
  toolsAllow: toolRules("CAISSON_TOOLS_ALLOW", {
    why: "Tool calls that need no approval where CAISSON_TOOLS_OTHERWISE asks for the rest.",
  }),
  toolsOtherwise: choice("CAISSON_TOOLS_OTHERWISE", {
    choices: ["allow", "ask"],
    default: "allow",
    why: "What becomes of tool calls that no rule means.",
  }),
  approvalSeconds: number("CAISSON_APPROVAL_SECONDS", {
    default: 3600,
    least: 1,
    most: 31536000,
    unit: "seconds",
    why: "Time after which an approval comes too late; never longer than the session lives.",
  }),
} as const satisfies Record<string, Row<unknown>>;
