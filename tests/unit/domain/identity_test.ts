import assert from "node:assert/strict";
import { type Identity, isLoopback, ownerOf } from "../../../src/domain/identity.ts";
import { ownerKey } from "../../../src/domain/ids.ts";

const alice: Identity = { principal: { name: "alice", kind: "api-key" } };
const anonymous: Identity = { principal: { name: "anonymous", kind: "anonymous" } };

Deno.test("ownerOf takes user, then safety_identifier, then x-user-id", () => {
  const claims = { user: "u", safetyIdentifier: "s", xUserId: "x" };
  assert.equal(ownerOf(alice, claims).user, "u");
  assert.equal(ownerOf(alice, { ...claims, user: null }).user, "s");
  assert.equal(ownerOf(alice, { xUserId: "x" }).user, "x");
  assert.equal(ownerOf(alice, { user: "  ", safetyIdentifier: "", xUserId: "x" }).user, "x");
});

Deno.test("ownerOf takes the verified user when a request names another", () => {
  assert.equal(ownerOf({ ...alice, verifiedUser: "v" }, { user: "u", xUserId: "x" }).user, "v");
});

Deno.test("ownerOf gives a principal its one default user when nobody is named", () => {
  assert.deepEqual(ownerOf(alice), ownerOf(alice, { user: "" }));
  assert.equal(ownerOf(alice).ephemeral, false);
});

Deno.test("ownerOf gives anonymous a new user per request when nobody is named", () => {
  const first = ownerOf(anonymous);
  assert.equal(first.ephemeral, true);
  assert.notEqual(first.user, ownerOf(anonymous).user);
  assert.equal(ownerOf(anonymous, { user: "bob" }).ephemeral, false);
});

Deno.test("ownerOf keeps principals apart when they or their users share names", () => {
  const principals: ReadonlyArray<Identity> = [
    alice,
    { principal: { name: "alice", kind: "jwt" } },
    { principal: { name: "bob", kind: "api-key" } },
    anonymous,
  ];
  const names = ["bob", "alice", "api-key:alice", "../alice", 'bob","x', "bob\u0000", "e\u0301", "é", "\ud800", " bob"];
  const keys = principals.flatMap((identity) => names.map((user) => ownerKey(ownerOf(identity, { user }))));
  assert.equal(new Set(keys).size, keys.length);
  for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
});

Deno.test("isLoopback knows the addresses that only this machine reaches", () => {
  for (const host of ["127.0.0.1", "127.8.9.1", "localhost", "::1", "[::1]", "LOCALHOST"]) assert.ok(isLoopback(host));
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.org", "localhost.example.org", ""]) {
    assert.ok(!isLoopback(host));
  }
});
