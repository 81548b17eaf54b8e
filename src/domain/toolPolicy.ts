/**
 * Whether a tool call may be carried out: rules that deny come first, then rules that ask, then rules that allow.
 */
import {
  accessRule,
  type AccessSettings,
  type AccessTarget,
  accessTarget,
  accessTo,
  requestAccess,
} from "./accessRequest.ts";
import type { ToolCall } from "./Message.ts";
import { type CallSubject, concerns, covers, subjectOf, type ToolRule } from "./ToolRule.ts";

/** The rules of a deployment. */
export interface ToolPolicy {
  readonly deny: ReadonlyArray<ToolRule>;
  readonly ask: ReadonlyArray<ToolRule>;
  readonly allow: ReadonlyArray<ToolRule>;
  /** What becomes of a call that no rule means. */
  readonly otherwise: "allow" | "ask";
  /** Whether a person is asked for a host that a model wants; absent where the model cannot ask for any. */
  readonly asksFor?: (target: AccessTarget) => boolean;
}

/** The settings that make a policy. */
export interface PolicySettings extends AccessSettings {
  readonly toolsDeny: ReadonlyArray<ToolRule>;
  readonly toolsAsk: ReadonlyArray<ToolRule>;
  readonly toolsAllow: ReadonlyArray<ToolRule>;
  readonly toolsOtherwise: "allow" | "ask";
}

/**
 * The policy of a deployment's settings, with what a caller wants to be asked for as well.
 *
 * *Details*: `offersAccess` where the tools offer `request_access`. What that asks for is asked of a person, whatever
 * the rules say; a process that knows no hosts to ask for, as its tools are another server's, asks for every host.
 */
export const policyOf = (
  settings: PolicySettings,
  ask: ReadonlyArray<ToolRule> = [],
  offersAccess = false,
): ToolPolicy => ({
  deny: settings.toolsDeny,
  ask: ask.length === 0 ? settings.toolsAsk : [...settings.toolsAsk, ...ask],
  allow: settings.toolsAllow,
  otherwise: settings.toolsOtherwise,
  ...(offersAccess && {
    asksFor: (target: AccessTarget) => settings.egressAsk.length === 0 || accessTo(settings, target)._tag === "Askable",
  }),
});

/** What is decided about a call, and the rule that says so. */
export type Verdict =
  /** `approved`: a person granted it before. */
  | { readonly _tag: "Allow"; readonly approved?: true }
  | { readonly _tag: "Ask" | "Deny"; readonly rule: string };

const allow: Verdict = { _tag: "Allow" };

/** Whether a policy lets every call pass. */
const isOff = ({ deny, ask, otherwise }: ToolPolicy): boolean =>
  deny.length === 0 && ask.length === 0 && otherwise === "allow";

/** What becomes of a call that asks for a host: what cannot be granted, whoever carries it out refuses by itself. */
const verdictOnAccess = (
  { asksFor }: ToolPolicy,
  { argumentsJson }: ToolCall,
  grants: ReadonlySet<string>,
): Verdict => {
  const target = accessTarget(argumentsJson);
  if (asksFor === undefined || target === undefined || !asksFor(target)) return allow;
  const rule = accessRule(target);
  return grants.has(rule) ? { _tag: "Allow", approved: true } : { _tag: "Ask", rule };
};

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
  if (call.name === requestAccess.name) return verdictOnAccess(policy, call, grants);
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
  const isPlain = isOff(policy);
  let strictest: Verdict | undefined;
  for (const call of calls) {
    if (isPlain && call.name !== requestAccess.name) continue;
    const verdict = verdictOn(policy, call, subjectOf(call), grants);
    if (strictest === undefined || severity[verdict._tag] > severity[strictest._tag]) strictest = verdict;
  }
  return strictest ?? allow;
};

/** What a model reads of a call that is asked for where no person can answer. */
export const unaskableText = (rule: string): string =>
  `Error: this needs a person's approval (rule ${rule}), and nobody can be asked here. Do not try it in another way; ` +
  "say that a chat completion which names its user or a session, or a response, can be asked.";

/** What whoever called a tool reads of a call that a person refused. */
export const refusedText = (rule: string): string =>
  `Error: not run, the user refused this call (rule ${rule}). Do not try it in another way; ask what they want instead.`;

/** What whoever called a tool reads of a call that a rule denies. */
export const deniedText = (rule: string): string =>
  `Error: not allowed here (rule ${rule}). Do not try it in another way; say what you would have done.`;
