/**
 * The version of this library; a test holds it equal to the one in `deno.json`.
 */

/** The semantic version, such as `1.2.3`. */
export const version = "0.1.0";
