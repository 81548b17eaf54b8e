/**
 * Writes what an image is made of as CycloneDX 1.6: the npm packages of a lock file and the packages of Debian.
 *
 *   deno run --allow-read scripts/sbom.ts deno.lock PACKAGES >sbom.json
 *
 * PACKAGES has a line `name TAB version TAB architecture` for each package, as `dpkg-query` prints them. It imports
 * nothing, for it runs in the image.
 */

interface Component {
  readonly type: "library";
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: ReadonlyArray<{ readonly alg: "SHA-512"; readonly content: string }>;
}

/** The name and version in a key of a lock file, such as `@x/y@1.2.0_zod@4.0.0`. */
const npmKey = (key: string): readonly [name: string, version: string] => {
  const at = key.indexOf("@", 1);
  const [version = ""] = key.slice(at + 1).split("_");
  return [key.slice(0, at), version];
};

const hex = (base64: string): string =>
  Array.from(atob(base64), (character) => character.charCodeAt(0).toString(16).padStart(2, "0")).join("");

/** The packages of a lock file; a package that is there for several peers is one component. */
export const npmComponents = (
  packages: Readonly<Record<string, { readonly integrity?: string }>>,
): ReadonlyArray<Component> => {
  const found = new Map<string, Component>();
  for (const [key, { integrity = "" }] of Object.entries(packages)) {
    const [name, version] = npmKey(key);
    const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
    const hash = integrity.startsWith("sha512-") ? hex(integrity.slice("sha512-".length)) : undefined;
    found.set(purl, {
      type: "library",
      name,
      version,
      purl,
      ...(hash !== undefined && { hashes: [{ alg: "SHA-512", content: hash }] }),
    });
  }
  return [...found.values()];
};

/** The packages of Debian in the lines of `dpkg-query`. */
export const debianComponents = (lines: string): ReadonlyArray<Component> =>
  lines.split("\n").filter((line) => line !== "").map((line) => {
    const [name = "", version = "", architecture = ""] = line.split("\t");
    const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`;
    return { type: "library", name, version, purl };
  });

/** The document as a whole. */
export const sbom = (components: ReadonlyArray<Component>): string =>
  JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6", version: 1, components }, null, 1);

if (import.meta.main) {
  const [lock = "deno.lock", packages] = Deno.args;
  const { npm }: { npm: Record<string, { integrity?: string }> } = JSON.parse(Deno.readTextFileSync(lock));
  const debian = packages === undefined ? [] : debianComponents(Deno.readTextFileSync(packages));
  console.log(sbom([...npmComponents(npm), ...debian]));
}
