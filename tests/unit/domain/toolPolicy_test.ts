/** Rules for tool calls: how they are read, and what each says of a call. */
import assert from "node:assert/strict";
import type { ToolCall } from "../../../src/domain/Message.ts";
import { readShellScript } from "../../../src/domain/shellScript.ts";
import { judge, type ToolPolicy } from "../../../src/domain/toolPolicy.ts";
import { parseToolRules } from "../../../src/domain/ToolRule.ts";

const rules = (text: string) => parseToolRules(text) ?? assert.fail(text);

const policy = (written: { deny?: string; ask?: string; allow?: string; otherwise?: "allow" | "ask" }): ToolPolicy => ({
  deny: rules(written.deny ?? ""),
  ask: rules(written.ask ?? ""),
  allow: rules(written.allow ?? ""),
  otherwise: written.otherwise ?? "allow",
});

const call = (name: string, values: unknown): ToolCall => ({ id: "1", name, argumentsJson: JSON.stringify(values) });
const bash = (command: string) => call("execute_bash", { command });
const write = (path: string) => call("write_file", { file_path: path, content: "" });

/** What a policy says of a call: "allow", or "ask" or "deny" with the rule. */
const said = (of: ToolPolicy, ...calls: ReadonlyArray<ToolCall>): string => {
  const verdict = judge(of, calls);
  return verdict._tag === "Allow" ? "allow" : `${verdict._tag.toLowerCase()} ${verdict.rule}`;
};

Deno.test("parseToolRules reads names, patterns and commas between parentheses, and refuses what is neither", () => {
  const text = "Bash(git push *), mail__*,write_file(/a,b/*) , execute_python";
  assert.deepEqual(rules(text).map((rule) => rule.text), [
    "Bash(git push *)",
    "mail__*",
    "write_file(/a,b/*)",
    "execute_python",
  ]);
  assert.deepEqual(rules(" , "), []);
  for (
    const wrong of [
      "Bash(",
      "Bash)",
      "Bash()",
      "Bash(a",
      "Bash(a)b",
      "(a)",
      "a b",
      "a;b",
      "Bash((a)",
      `a${"b".repeat(1000)}`,
    ]
  ) {
    assert.equal(parseToolRules(wrong), undefined, wrong);
  }
});

Deno.test("a rule that asks is found in any part of a command", () => {
  const asking = policy({ ask: "Bash(rm *), Bash(git push *), Bash(curl:*)" });
  const asked: ReadonlyArray<readonly [command: string, rule: string]> = [
    ["rm -rf /workspace/x", "Bash(rm *)"],
    ["rm", "Bash(rm *)"],
    ["ls && rm x", "Bash(rm *)"],
    ["ls; rm x", "Bash(rm *)"],
    ["ls | xargs rm", "Bash(rm *)"],
    ["ls | xargs -n 1 -0 rm -f", "Bash(rm *)"],
    ["ls\nrm x", "Bash(rm *)"],
    ["(cd a && rm b)", "Bash(rm *)"],
    ["{ rm b; }", "Bash(rm *)"],
    ["sleep 1 & rm b", "Bash(rm *)"],
    ["echo $(rm b)", "Bash(rm *)"],
    ["echo `rm b`", "Bash(rm *)"],
    ['echo "$(rm b)"', "Bash(rm *)"],
    ["cat <(rm b)", "Bash(rm *)"],
    ["cat <<E\nrm b\nE", "Bash(rm *)"],
    ["sudo rm b", "Bash(rm *)"],
    ["sudo -u root rm b", "Bash(rm *)"],
    ["env A=1 rm b", "Bash(rm *)"],
    ["A=1 B='c d' rm b", "Bash(rm *)"],
    ["timeout -k 5 10 rm b", "Bash(rm *)"],
    ["if true; then rm b; fi", "Bash(rm *)"],
    ["for f in *; do rm $f; done", "Bash(rm *)"],
    ["! rm b", "Bash(rm *)"],
    ["/bin/rm b", "Bash(rm *)"],
    ["sudo /usr/bin/rm b", "Bash(rm *)"],
    ["r\\m b", "Bash(rm *)"],
    ["'rm' b", "Bash(rm *)"],
    ['"r"m b', "Bash(rm *)"],
    ["rm    -rf\tb", "Bash(rm *)"],
    ["rm\\\n -rf b", "Bash(rm *)"],
    ["bash -c 'rm b'", "Bash(rm *)"],
    ["eval rm b", "Bash(rm *)"],
    ["find . -name x -exec rm {} +", "Bash(rm *)"],
    ["git push", "Bash(git push *)"],
    ["git push origin main", "Bash(git push *)"],
    ["true && git  push origin", "Bash(git push *)"],
    ["curl https://a.example", "Bash(curl:*)"],
  ];
  for (const [command, rule] of asked) assert.equal(said(asking, bash(command)), `ask ${rule}`, command);
  const passing = [
    "ls",
    "rmdir x",
    "firm x",
    "echo rm",
    "echo 'a; rm b'",
    'echo "a && rm b"',
    "echo a\\; rm b",
    "git pushy",
    "git pull",
    "grep -r 'git push' .",
    "",
  ];
  for (const command of passing) assert.equal(said(asking, bash(command)), "allow", command);
});

Deno.test("what patterns on command text do not see is known", () => {
  const asking = policy({ ask: "Bash(rm *)" });
  for (
    const hidden of [
      "python3 -c 'import os; os.remove(\"a\")'",
      "find . -delete",
      "X=rm; $X a",
      "echo cm0gYQ== | base64 -d | sh",
    ]
  ) {
    assert.equal(said(asking, bash(hidden)), "allow", hidden);
  }
});

Deno.test("a rule that allows must mean every part of a command, and none may hide", () => {
  const strict = policy({
    allow: "Bash(ls *), Bash(cat *), Bash(git status), read_file(/workspace/*)",
    otherwise: "ask",
  });
  const allowed = [
    "ls",
    "ls -la /workspace",
    "ls | cat",
    "ls 'a b' && cat \"c d\"",
    "git status",
    "ls 2>/dev/null; cat a 2>&1",
  ];
  for (const command of allowed) assert.equal(said(strict, bash(command)), "allow", command);
  const asked = [
    "ls; rm x",
    "ls $(rm x)",
    "ls `rm x`",
    "cat a > b",
    "cat a >> b",
    "ls 'unbalanced",
    "PATH=/tmp ls",
    "/tmp/ls",
    "./ls",
    "sudo ls",
    "$LS",
    "bash -c ls",
    "git status x",
    "cat <<E\nls\nE",
    "",
    "lsof",
  ];
  for (const command of asked) assert.equal(said(strict, bash(command)), "ask execute_bash", command);
  assert.equal(said(strict, call("read_file", { file_path: "a/../b" })), "allow");
  assert.equal(said(strict, call("read_file", { file_path: "../etc/passwd" })), "ask read_file");
  assert.equal(said(strict, call("read_file", { file_path: "/workspace/../etc/passwd" })), "ask read_file");
  assert.equal(said(strict, call("mail__send", {})), "ask mail__send");
});

Deno.test("rules are held against the paths, texts and names of other tools", () => {
  const some = policy({
    deny: "Write(/workspace/prod/*), mail__*, Python(*os.remove*), search(*secret*), WebFetch(https://a.example/*)",
  });
  const denied = [
    write("/workspace/prod/a"),
    write("prod/a"),
    write("/workspace/x/../prod/./a"),
    write("//workspace//prod/a"),
    call("mail__send", { to: "x" }),
    call("mail__", {}),
    call("execute_python", { code: "import os\nos.remove('a')" }),
    call("search", { query: "the secret plan" }),
    call("search", { nested: { query: "a secret" } }),
    { id: "1", name: "search", argumentsJson: '{"query":"\\u0073ecret"}' },
    { id: "1", name: "search", argumentsJson: "secret, and no JSON" },
    call("web_fetch", { url: "https://a.example/x" }),
  ];
  for (const each of denied) assert.match(said(some, each), /^deny /, each.argumentsJson);
  const passing = [
    write("/workspace/product"),
    write("prod"),
    call("email__send", {}),
    call("search", { query: "plan" }),
  ];
  for (const each of passing) assert.equal(said(some, each), "allow", each.argumentsJson);
});

Deno.test("deny comes before ask and ask before allow, and the strictest of several calls holds", () => {
  const all = policy({ deny: "Bash(rm *)", ask: "Bash(rm *), Bash(mv *)", allow: "execute_bash" });
  assert.equal(said(all, bash("rm a")), "deny Bash(rm *)");
  assert.equal(said(all, bash("mv a b")), "ask Bash(mv *)");
  assert.equal(said(all, bash("ls")), "allow");
  assert.equal(said(all, bash("ls"), bash("mv a b"), bash("rm a"), bash("ls")), "deny Bash(rm *)");
  assert.equal(said(policy({ otherwise: "ask" }), bash("ls")), "ask execute_bash");
  assert.equal(said(policy({}), bash("rm -rf /")), "allow");
});

Deno.test("a grant takes back what asked, nothing else, and never what denies", () => {
  const all = policy({ deny: "Bash(rm *)", ask: "Bash(mv *), Bash(mv a *)", otherwise: "ask" });
  const granted = (...grants: ReadonlyArray<string>) => (command: string) =>
    judge(all, [bash(command)], new Set(grants));
  assert.deepEqual(granted("Bash(mv *)")("mv a b"), { _tag: "Ask", rule: "Bash(mv a *)" });
  assert.deepEqual(granted("Bash(mv *)", "Bash(mv a *)")("mv a b"), { _tag: "Ask", rule: "execute_bash" });
  assert.deepEqual(granted("Bash(mv *)", "Bash(mv a *)", "execute_bash")("mv a b"), { _tag: "Allow" });
  assert.deepEqual(granted("Bash(rm *)", "execute_bash")("rm a"), { _tag: "Deny", rule: "Bash(rm *)" });
});

Deno.test("readShellScript says where it cannot be trusted", () => {
  assert.deepEqual(readShellScript("ls  -l;sudo rm x"), {
    commands: [
      { written: "ls -l", readings: ["ls -l"] },
      { written: "sudo rm x", readings: ["sudo rm x", "rm x", "x"] },
    ],
    isOpaque: false,
  });
  for (const opaque of ["a $(b)", "a `b`", "eval a", "a > b", "'a", "A=1 b", "$a"]) {
    assert.ok(readShellScript(opaque).isOpaque, opaque);
  }
  for (const plain of ["a 'b $(c)'", "a '`b`'", "a \\$b", "a 2>&1", "a &>/dev/null"]) {
    assert.ok(!readShellScript(plain).isOpaque, plain);
  }
});
