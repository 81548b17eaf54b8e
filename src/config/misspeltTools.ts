/**
 * Rules for tool calls that mean no tool, because of a typing error: a wall that is not there.
 */
import { type ToolRule, toolsOfRules } from "../domain/ToolRule.ts";
import { editDistance } from "./unknownNames.ts";

/** Edits up to which two names are taken for the same wish. */
const editsMax = 2;
/** No tool of ours has a name as long as this; comparing is quadratic. */
const nameCharsMax = 64;

/** A rule whose tool is not there, with the one that was probably meant. */
export interface MisspeltTool {
  readonly rule: string;
  readonly nearest: string;
}

/**
 * The rules whose tool is a typing error away from one of ours.
 *
 * *Details*: tools of other servers may be called anything, so nothing else is known to be wrong.
 */
export const misspeltTools = (rules: Iterable<ToolRule>): ReadonlyArray<MisspeltTool> =>
  [...rules].flatMap(({ text, tool }) => {
    const [name = "", ...further] = tool;
    if (further.length > 0 || toolsOfRules.has(name) || name.length > nameCharsMax) return [];
    const nearest = [...toolsOfRules].find((known) => editDistance(name, known, editsMax) <= editsMax);
    return nearest === undefined ? [] : [{ rule: text, nearest }];
  });
