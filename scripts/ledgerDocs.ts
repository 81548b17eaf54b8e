/**
 * Writes `docs/ledger.md` from what the application does with every field of OpenAI's API.
 */
import { readLedger } from "../tests/ledger/ledger.ts";
import { ledgerMarkdown } from "../tests/ledger/page.ts";

if (import.meta.main) Deno.writeTextFileSync("docs/ledger.md", ledgerMarkdown(await readLedger()));
