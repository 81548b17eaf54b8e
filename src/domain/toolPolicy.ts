/**
 * Whether a tool call may be carried out: rules that deny come first, then rules that ask, then rules that allow.
 */
import type { ToolCall } from "./Message.ts";
import { type CallSubject, concerns, covers, subjectOf, type ToolRule } from "./ToolRule.ts";

/** The rules of a deployment. */
export interface ToolPolicy {
  readonly deny: ReadonlyArray<ToolRule>;
  readonly ask: ReadonlyArray<ToolRule>;
  readonly allow: ReadonlyArray<ToolRule>;
  /** What becomes of a call that no rule means. */
  readonly otherwise: "allow" | "ask";
}

/** The settings that make a policy. */
export interface PolicySettings {
  readonly toolsDeny: ReadonlyArray<ToolRule>;
  readonly toolsAsk: ReadonlyArray<ToolRule>;
  readonly toolsAllow: ReadonlyArray<ToolRule>;
  readonly toolsOtherwise: "allow" | "ask";
}

/** The policy of a deployment's settings, with what a caller wants to be asked for as well. */
export const policyOf = (settings: PolicySettings, ask: ReadonlyArray<ToolRule> = []): ToolPolicy => ({
  deny: settings.toolsDeny,
  ask: ask.length === 0 ? settings.toolsAsk : [...settings.toolsAsk, ...ask],
  allow: settings.toolsAllow,
  otherwise: settings.toolsOtherwise,
});

/** What is decided about a call, and the rule that says so. */
export type Verdict =
  | { readonly _tag: "Allow" }
  | { readonly _tag: "Ask" | "Deny"; readonly rule: string };

const allow: Verdict = { _tag: "Allow" };

/** Whether a policy lets every call pass. */
const isOff = ({ deny, ask, otherwise }: ToolPolicy): boolean =>
  deny.length === 0 && ask.length === 0 && otherwise === "allow";

const verdictOn = (
  policy: ToolPolicy,
  call: ToolCall,
  subject: CallSubject,
  grants: ReadonlySet<string>,
): Verdict => {
  const denied = policy.deny.find((rule) => concerns(rule, call, subject));
  if (denied !== undefined) return { _tag: "Deny", rule: denied.text };
  // What was granted is the rule that asked: it asks no more here, the others still do.
  const asked = policy.ask.find((rule) => !grants.has(rule.text) && concerns(rule, call, subject));
  if (asked !== undefined) return { _tag: "Ask", rule: asked.text };
  if (policy.otherwise === "allow" || grants.has(call.name)) return allow;
  // One rule may allow one command of a script and another the next: each must be allowed by some rule.
  return isAllowed(policy.allow, call, subject) ? allow : { _tag: "Ask", rule: call.name };
};

const isAllowed = (rules: ReadonlyArray<ToolRule>, call: ToolCall, subject: CallSubject): boolean => {
  if (subject._tag === "Texts") return rules.some((rule) => covers(rule, call, subject));
  const { commands, isOpaque } = subject.script;
  if (isOpaque || commands.length === 0) return rules.some((rule) => covers(rule, call, subject));
  return commands.every((command) =>
    rules.some((rule) => covers(rule, call, { ...subject, script: { isOpaque, commands: [command] } }))
  );
};

const severity = { Allow: 0, Ask: 1, Deny: 2 } as const;

/**
 * Decides about what a call comes to: the strictest verdict on any of `calls` holds.
 *
 * *Details*: `grants` are rules that a person has granted; a rule that denies cannot be. A call that no rule means and
 * that is asked for all the same is asked for by the name of its tool. Linear in the calls' arguments.
 */
export const judge = (
  policy: ToolPolicy,
  calls: ReadonlyArray<ToolCall>,
  grants: ReadonlySet<string> = new Set(),
): Verdict => {
  if (isOff(policy)) return allow;
  let strictest: Verdict = allow;
  for (const call of calls) {
    const verdict = verdictOn(policy, call, subjectOf(call), grants);
    if (severity[verdict._tag] > severity[strictest._tag]) strictest = verdict;
  }
  return strictest;
};

/** What a model reads of a call that is asked for where no person can answer. */
export const unaskableText = (rule: string): string =>
  `Error: this needs a person's approval (rule ${rule}), and nobody can be asked here. Do not try it in another way; ` +
  "say that a chat completion which names its user or a session can be asked.";

/** What whoever called a tool reads of a call that a person refused. */
export const refusedText = (rule: string): string =>
  `Error: not run, the user refused this call (rule ${rule}). Do not try it in another way; ask what they want instead.`;

/** What whoever called a tool reads of a call that a rule denies. */
export const deniedText = (rule: string): string =>
  `Error: not allowed here (rule ${rule}). Do not try it in another way; say what you would have done.`;
