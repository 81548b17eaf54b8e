import assert from "node:assert/strict";
import { argumentsOf, type Step, toolOf } from "../../../../../src/adapters/model/offline/Step.ts";
import { understand } from "../../../../../src/adapters/model/offline/understand.ts";
import { leastCpuMs } from "../../../../support/timing.ts";

const py = (code: string): Step => ({ _tag: "Python", code });
const sh = (command: string): Step => ({ _tag: "Bash", command });
const write = (path: string, content: string): Step => ({ _tag: "Write", path, content });
const read = (path: string): Step => ({ _tag: "Read", path });
const named = (tool: string, args: unknown): Step => ({ _tag: "Named", tool, argumentsJson: JSON.stringify(args) });

const context = { file: undefined, tools: ["execute_bash", "write_file", "read_file", "get_weather"] };

const table: ReadonlyArray<readonly [string, ReadonlyArray<Step>]> = [
  // Wishes with a tail
  [
    "Write a Python script that computes 2+2 and prints the result, then execute it",
    [write("script.py", "print(2+2)\n"), sh("python3 script.py")],
  ],
  [
    "Write a Python script that calculates 2 + 2 and save it as calc.py, then execute it",
    [write("calc.py", "print(2 + 2)\n"), sh("python3 calc.py")],
  ],
  ["Calculate 2*3 and the factorial of 4", [py("print(2*3)"), py("import math; print(math.factorial(4))")]],
  // Execute
  ["Execute: print('Hello, World!')", [py("print('Hello, World!')")]],
  ["execute: x = 1\nfor i in range(3):\n    x += i\nprint(x)", [py("x = 1\nfor i in range(3):\n    x += i\nprint(x)")]],
  ["Please execute: print(1)", [py("print(1)")]],
  ["Hi! Can you execute: print('a and then run b')", [py("print('a and then run b')")]],
  ["Execute this Python code: print(6*7)", [py("print(6*7)")]],
  ["Execute the following Python code:\n```python\nprint(6*7)\n```", [py("print(6*7)")]],
  ["Execute: ls -la /workspace", [sh("ls -la /workspace")]],
  ["Execute: raise ValueError('no')", [py("raise ValueError('no')")]],
  ["Execute: `print(1)`", [py("print(1)")]],
  ["Execute: import math\nprint(math.pi)", [py("import math\nprint(math.pi)")]],
  // Bash
  ["Execute this bash command: echo 'Test output'", [sh("echo 'Test output'")]],
  ['Execute this bash command: "echo hello"', [sh("echo hello")]],
  ["Execute this bash command: `echo hello`", [sh("echo hello")]],
  ["Execute this bash command: for i in 1 2; do echo $i; done", [sh("for i in 1 2; do echo $i; done")]],
  ["Execute this bash command: if true; then echo yes; fi", [sh("if true; then echo yes; fi")]],
  ["Execute the bash command: python3 -c 'print(1)' && ls", [sh("python3 -c 'print(1)' && ls")]],
  ["Execute: for i in 1 2 3; do echo $i; done", [sh("for i in 1 2 3; do echo $i; done")]],
  ["Execute: for f in *; do\n  wc -l $f\ndone", [sh("for f in *; do\n  wc -l $f\ndone")]],
  ["Execute: while true; do date; break; done", [sh("while true; do date; break; done")]],
  ["Execute: if [ -f a ]; then cat a; fi", [sh("if [ -f a ]; then cat a; fi")]],
  ["Execute: n=3; echo $((n * 2))", [sh("n=3; echo $((n * 2))")]],
  ["Execute: for i in range(3): print(i)", [py("for i in range(3): print(i)")]],
  ["Execute: x = 'a;b'\nprint(x)", [py("x = 'a;b'\nprint(x)")]],
  ["Execute: if x in (1, 2):\n  pass", [py("if x in (1, 2):\n  pass")]],
  ["Run ls -la", [sh("ls -la")]],
  ["Run `echo hi | wc -c`", [sh("echo hi | wc -c")]],
  ["Run: echo hi", [sh("echo hi")]],
  ["Run the command `uname -a`", [sh("uname -a")]],
  ["Run the command: uname -a", [sh("uname -a")]],
  ["Run print(1+1)", [py("print(1+1)")]],
  ["Run this Python code: print(2)", [py("print(2)")]],
  ["Run hello.py", [sh("python3 hello.py")]],
  ["Run python3 hello.py --fast", [sh("python3 hello.py --fast")]],
  ["Run the script build.sh", [sh("bash build.sh")]],
  ["Run sleep 1; echo done", [sh("sleep 1; echo done")]],
  // Blocks
  ["```python\nprint(1)\n```", [py("print(1)")]],
  ["```bash\nls\n```", [sh("ls")]],
  ["```sh\n$ ls\n```", [sh("ls")]],
  ["```\nprint(1)\n```", [py("print(1)")]],
  ["```\necho hi\n```", [sh("echo hi")]],
  ["Run this:\n\n```python\nx = 1\n\nprint(x)\n```\n\nand show me the output.", [py("x = 1\n\nprint(x)")]],
  ["```python\nprint(1)\n```\nthen\n```bash\nls\n```", [py("print(1)"), sh("ls")]],
  ["```javascript\nconsole.log(1)\n```", []],
  // Files
  ["Write a file test.txt with content 'Hello'", [write("test.txt", "Hello")]],
  ['Write a file "a/b.txt" with content "x\\ny"', [write("a/b.txt", "x\ny")]],
  ["Write a file /workspace/n.txt with content `raw\\n`", [write("/workspace/n.txt", "raw\\n")]],
  ['Write a file called notes.md with the content: "it\'s"', [write("notes.md", "it's")]],
  ["Write a file it.txt with content 'it's fine'", [write("it.txt", "it's fine")]],
  ["Create a file data.csv containing “a,b”", [write("data.csv", "a,b")]],
  ["Create a file hello.py with content 'print(\"hi\")' and run it", [
    write("hello.py", 'print("hi")'),
    sh("python3 hello.py"),
  ]],
  ["Write a file main.py with this content:\n```python\nprint(3)\n```\nThen run it.", [
    write("main.py", "print(3)"),
    sh("python3 main.py"),
  ]],
  ["Write 'hello there' to greeting.txt", [write("greeting.txt", "hello there")]],
  ['Save "x = 1" in conf.py.', [write("conf.py", "x = 1")]],
  ["Read notes.txt", [read("notes.txt")]],
  ["Read the file /workspace/test.txt", [read("/workspace/test.txt")]],
  ["Show me the contents of `a/b.txt`", [read("a/b.txt")]],
  ["What is in data.csv?", [read("data.csv")]],
  ["Write a file t.txt with content 'abc', then read it back", [write("t.txt", "abc"), read("t.txt")]],
  ["Write a file t.txt with content 'abc'. Read the file you just created.", [write("t.txt", "abc"), read("t.txt")]],
  ["List files", [sh("ls -la")]],
  ["list the files in /tools", [sh("ls -la /tools")]],
  ["What files are in the workspace?", [sh("ls -la")]],
  // Sums
  ["Calculate 2+2", [py("print(2+2)")]],
  ["Calculate (2 + 3) * 4", [py("print((2 + 3) * 4)")]],
  ["What is 12 times 12?", [py("print(12 * 12)")]],
  ["What is 2^10?", [py("print(2**10)")]],
  ["Calculate the factorial of 20", [py("import math; print(math.factorial(20))")]],
  ["What's the factorial of 5?", [py("import math; print(math.factorial(5))")]],
  ["5!", [py("import math; print(math.factorial(5))")]],
  ["Compute sqrt(2) * pi", [py("import math; print(math.sqrt(2) * math.pi)")]],
  ["Calculate 15% of 1,200", [py("print(15 / 100 * 1200)")]],
  ["Compute max(100,200)", [py("print(max(100,200))")]],
  ["2+2=?", [py("print(2+2)")]],
  ["Please calculate the factorial of 10 using Python", [py("import math; print(math.factorial(10))")]],
  ["Calculate the sum of the numbers from 1 to 100", [py("print(sum(range(1, 100 + 1)))")]],
  // Chains
  ["Write a Python script hello.py that prints 2+2 then run it", [
    write("hello.py", "print(2+2)\n"),
    sh("python3 hello.py"),
  ]],
  ["write then execute a script that computes 2+2", [write("script.py", "print(2+2)\n"), sh("python3 script.py")]],
  ["Write a Python script that calculates 2+2 and execute it", [
    write("script.py", "print(2+2)\n"),
    sh("python3 script.py"),
  ]],
  ["Create a Python script called calc.py that computes 2+2, then execute it and show me the result", [
    write("calc.py", "print(2+2)\n"),
    sh("python3 calc.py"),
  ]],
  ["Write a script hello.sh that prints 'hello world' and then run the script", [
    write("hello.sh", "printf '%s\\n' 'hello world'\n"),
    sh("bash hello.sh"),
  ]],
  ["First, write a Python script to calculate 2+2. Then execute the script.", [
    write("script.py", "print(2+2)\n"),
    sh("python3 script.py"),
  ]],
  ["1. Write a file a.txt with content 'one'\n2. Run `cat a.txt`\n3. Calculate 1+1", [
    write("a.txt", "one"),
    sh("cat a.txt"),
    py("print(1+1)"),
  ]],
  ["Do these:\n1) Execute: print(1)\n2) Execute this bash command: echo two\n3) Read the file /tmp/x.txt", [
    py("print(1)"),
    sh("echo two"),
    read("/tmp/x.txt"),
  ]],
  ["- Run pwd\n- Run whoami", [sh("pwd"), sh("whoami")]],
  ["Execute: print(1) then execute this bash command: echo two", [py("print(1)"), sh("echo two")]],
  // Said in passing
  ["Use bash to list the files in the current directory", [sh("ls -la")]],
  ["Use execute_bash to run `ls`", [sh("ls")]],
  ["Use Python to calculate 2**100", [py("print(2**100)")]],
  ["Use Python to print the numbers from 1 to 5", [py("print(*range(1, 5 + 1))")]],
  ["bash: echo hi", [sh("echo hi")]],
  ["Python: print(1)\nprint(2)", [py("print(1)\nprint(2)")]],
  ["Can you run echo hello in bash?", [sh("echo hello")]],
  ["Print the working directory", [sh("pwd")]],
  ["Create a directory called foo", [sh("mkdir -p foo")]],
  ["Delete the file test.txt", [sh("rm test.txt")]],
  ["Append 'x' to notes.txt", [sh("printf '%s\\n' x >> notes.txt")]],
  ["Sleep for 5 seconds", [sh("sleep 5")]],
  ["Write a file 'a.py' containing:\nprint(1)\nprint(2)", [write("a.py", "print(1)\nprint(2)")]],
  ["Save the text 'abc' to a file called x.txt", [write("x.txt", "abc")]],
  ["Run a Python script that prints hello", [write("script.py", 'print("hello")\n'), sh("python3 script.py")]],
  ["Read the file test.txt and print its content", [read("test.txt")]],
  ["Run the command 'ls -la' and tell me what you see", [sh("ls -la")]],
  // Tools by name
  ['Call the tool get_weather with {"city": "Paris"}', [named("get_weather", { city: "Paris" })]],
  ['Use get_weather: {"city": "A {b}", "days": [1, 2]} please', [
    named("get_weather", { city: "A {b}", days: [1, 2] }),
  ]],
  ["Call get_weather", [named("get_weather", {})]],
  ['Call the tool unknown_tool with {"a": 1}', []],
  // Not understood
  ["Hello!", []],
  ["What is the meaning of life?", []],
  ["Run a marathon", []],
  ["Read me a story", []],
  ["Write a poem about the sea", []],
  ["Read the file you just created", []],
  ["", []],
];

for (const [message, steps] of table) {
  Deno.test(`understand finds ${steps.length} steps when told ${JSON.stringify(message)}`, () => {
    // JSON text may be spaced differently: only its value matters.
    const plain = (all: ReadonlyArray<Step>) =>
      all.map((step) => (step._tag === "Named" ? { ...step, argumentsJson: JSON.parse(step.argumentsJson) } : step));
    assert.deepEqual(plain(understand(message, context)), plain(steps));
  });
}

Deno.test("understand reads the file of the conversation when told to read the file just created", () => {
  const last = { file: "from-before.txt", tools: context.tools };
  for (
    const message of [
      "Read the file you just created",
      "Now read that file back to me.",
      "What does the file you created contain?",
      "Show me its contents",
    ]
  ) assert.deepEqual(understand(message, last), [read("from-before.txt")], message);
});

Deno.test("understand takes a hostile text in bounded time when it has many openings and no ends", () => {
  for (
    const piece of ["'a ", "{", "```\n", "write a file a-b-c ", "execute: 'x ", "1. run ", "the the the ", "then and "]
  ) {
    const text = piece.repeat(Math.ceil(30_000 / piece.length));
    const tookMs = leastCpuMs(() => understand(text, context));
    assert.ok(tookMs < 3_000, `${JSON.stringify(piece)}: ${tookMs} ms`);
  }
});

Deno.test("argumentsOf quotes Python so that bash passes it on unchanged", () => {
  const commands = [
    ['print("double")', `python3 -c 'print("double")'`],
    ["print('single')", `python3 -c "print('single')"`],
    [`print('a', "b")`, `python3 - <<'PYTHON'\nprint('a', "b")\nPYTHON`],
    ["print('$HOME')", `python3 - <<'PYTHON'\nprint('$HOME')\nPYTHON`],
    ["x = 1\nprint(x)\n", "python3 - <<'PYTHON'\nx = 1\nprint(x)\nPYTHON"],
    ["'''\nPYTHON\n'''", "python3 - <<'PYTHON2'\n'''\nPYTHON\n'''\nPYTHON2"],
  ] as const;
  for (const [code, command] of commands) {
    assert.equal(toolOf(py(code)), "execute_bash");
    assert.deepEqual(JSON.parse(argumentsOf(py(code))), { command });
  }
});
