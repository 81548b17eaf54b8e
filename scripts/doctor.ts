/**
 * `deno task doctor`: checks the engine, the image and, from inside a live sandbox, each hardening
 * control, one line each. Exits with 1 when a promise is broken.
 */
import { Effect, Layer } from "effect";
import { layer as egress } from "../src/adapters/egress/Configured.ts";
import { examine, lineOf } from "../src/adapters/sandbox/docker/doctor.ts";
import { settingsLayer } from "./settings.ts";

const findings = await Effect.runPromise(Effect.provide(examine, Layer.provideMerge(egress, settingsLayer)));
for (const finding of findings) console.log(lineOf(finding));
const count = (verdict: string) => findings.filter((finding) => finding.verdict === verdict).length;
console.log(`${findings.length} checks, ${count("failure")} broken, ${count("warning")} to weigh`);
Deno.exitCode = count("failure") === 0 ? 0 : 1;
