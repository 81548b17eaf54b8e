import assert from "node:assert/strict";
import { debianComponents, npmComponents, sbom } from "../../../scripts/sbom.ts";

Deno.test("npmComponents names each package once, with its hash in hexadecimal", () => {
  const integrity = `sha512-${btoa("\x00\xff")}`;
  assert.deepEqual(
    npmComponents({ "@x/y@1.2.0_zod@4.0.0": { integrity }, "@x/y@1.2.0": { integrity }, "z@3.0.0": {} }),
    [
      {
        type: "library",
        name: "@x/y",
        version: "1.2.0",
        purl: "pkg:npm/%40x/y@1.2.0",
        hashes: [{ alg: "SHA-512", content: "00ff" }],
      },
      { type: "library", name: "z", version: "3.0.0", purl: "pkg:npm/z@3.0.0" },
    ],
  );
});

Deno.test("debianComponents reads what dpkg-query prints", () => {
  assert.deepEqual(debianComponents("libc6\t2.36-9+deb12u10\tamd64\n"), [{
    type: "library",
    name: "libc6",
    version: "2.36-9+deb12u10",
    purl: "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64",
  }]);
});

Deno.test("sbom of the project's own lock file names effect in its version", () => {
  const lock = JSON.parse(Deno.readTextFileSync(new URL("../../../deno.lock", import.meta.url)));
  const { bomFormat, components } = JSON.parse(sbom(npmComponents(lock.npm)));
  assert.equal(bomFormat, "CycloneDX");
  assert.ok(components.some(({ purl }: { purl: string }) => purl === "pkg:npm/effect@4.1.0"));
});
