/**
 * Work as people ask for it, in small: what is done through Caisson's own tools, and what must come out.
 */

/** A call of a tool of ours. */
export interface Call {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** A task: its calls in order, and what the text of the last result must hold. */
export interface Task {
  readonly group: "tables" | "statistics" | "charts" | "documents" | "odd files" | "shell" | "programming";
  readonly name: string;
  readonly calls: ReadonlyArray<Call>;
  readonly expected: RegExp;
}

type Group = Task["group"];

const bash = (command: string): Call => ({ tool: "execute_bash", args: { command, timeout: 120 } });
const write = (file_path: string, content: string): Call => ({ tool: "write_file", args: { file_path, content } });

const shell = (group: Group, name: string, command: string, expected: RegExp): Task => ({
  group,
  name,
  calls: [bash(command)],
  expected,
});

/** A program that is written to a file and run, as the prompt asks for it. */
const python = (group: Group, name: string, code: string, expected: RegExp): Task => ({
  group,
  name,
  calls: [write("task.py", code), bash("python3 task.py")],
  expected,
});

const sales = `import pandas as pd, io
df = pd.read_csv(io.StringIO("""day,shop,amount
2026-01-03,a,10
2026-01-03,a,10
2026-01-20,b,
2026-02-01,a,5.5
2026-02-11,b,7
"""), parse_dates=["day"])
`;

const tables: ReadonlyArray<Task> = [
  python("tables", "clean: doubled and missing rows", `${sales}print(len(df.drop_duplicates().dropna()))`, /"3\\n/),
  python(
    "tables",
    "group by month",
    `${sales}print(df.drop_duplicates().groupby(df.day.dt.month).amount.sum().to_dict())`,
    /\{1: 10\.0, 2: 12\.5\}/,
  ),
  python(
    "tables",
    "join and find what has no partner",
    `import pandas as pd
a = pd.DataFrame({"k": [1, 2, 3]}); b = pd.DataFrame({"k": [2, 3, 4], "v": [5, 6, 7]})
m = a.merge(b, how="outer", indicator=True)
print(m._merge.value_counts().to_dict()["both"], int(m.v.sum()))`,
    /2 18/,
  ),
  python(
    "tables",
    "pivot",
    `${sales}print(df.pivot_table(index="shop", columns=df.day.dt.month, values="amount", aggfunc="sum").loc["a", 2])`,
    /5\.5/,
  ),
  python(
    "tables",
    "resample a time series",
    `import pandas as pd
s = pd.Series(range(48), index=pd.date_range("2026-01-01", periods=48, freq="h"))
print(s.resample("D").mean().tolist())`,
    /\[11\.5, 35\.5\]/,
  ),
  python(
    "tables",
    "query a database of SQLite",
    `import sqlite3, pandas as pd
c = sqlite3.connect("t.db"); c.execute("create table if not exists t(x)"); c.execute("delete from t")
c.executemany("insert into t values(?)", [(1,), (2,)]); c.commit()
print(pd.read_sql("select sum(x) s from t", c).s[0])`,
    /"3\\n/,
  ),
];

const statistics: ReadonlyArray<Task> = [
  python(
    "statistics",
    "fit a line",
    `import numpy as np, statsmodels.api as sm
x = np.arange(10.0); r = sm.OLS(2 * x + 1, sm.add_constant(x)).fit()
print([round(float(p), 6) for p in r.params])`,
    /\[1\.0, 2\.0\]/,
  ),
  python(
    "statistics",
    "classify",
    `from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
x, y = load_iris(return_X_y=True)
a, b, c, d = train_test_split(x, y, random_state=0)
print(LogisticRegression(max_iter=1000).fit(a, c).score(b, d) > 0.9)`,
    /True/,
  ),
  python(
    "statistics",
    "cluster",
    `import numpy as np
from sklearn.cluster import KMeans
x = np.r_[np.zeros((5, 2)), np.ones((5, 2)) * 9]
print(sorted(np.bincount(KMeans(2, n_init=10, random_state=0).fit_predict(x)).tolist()))`,
    /\[5, 5\]/,
  ),
  python(
    "statistics",
    "test two samples",
    `from scipy.stats import ttest_ind
print(ttest_ind([1, 2, 3, 4], [11, 12, 13, 14]).pvalue < 0.001)`,
    /True/,
  ),
  python(
    "statistics",
    "find a minimum",
    `from scipy.optimize import minimize
print(round(float(minimize(lambda v: (v[0] - 3) ** 2, [0]).x[0]), 3))`,
    /3\.0/,
  ),
  python(
    "statistics",
    "solve an equation",
    `import sympy; x = sympy.Symbol("x")\nprint(sympy.solve(x**2 - 4, x))`,
    /\[-2, 2\]/,
  ),
  python(
    "statistics",
    "shortest path",
    `import networkx as nx; g = nx.Graph([(1, 2), (2, 3), (1, 4)]); print(nx.shortest_path(g, 3, 4))`,
    /\[3, 2, 1, 4\]/,
  ),
];

const chart = (name: string, code: string): Task => ({
  group: "charts",
  name,
  calls: [
    write("chart.py", `import matplotlib.pyplot as plt\n${code}\nplt.savefig("chart.png", dpi=150); plt.close()`),
    bash("python3 -W error::UserWarning chart.py && ls -l chart.png"),
    { tool: "view_image", args: { file_path: "chart.png" } },
  ],
  expected: /chart\.png \(image\/png, \d{4,} bytes\)/,
});

const charts: ReadonlyArray<Task> = [
  chart("bars with labelled axes", `plt.bar(["a", "b"], [1, 2]); plt.xlabel("shop"); plt.ylabel("sales")`),
  chart("seaborn", `import seaborn as sns; sns.histplot([1, 2, 2, 3])`),
  chart("Chinese labels", `plt.plot([1, 2]); plt.title("销售额 月度")`),
  chart("Cyrillic and Greek labels", `plt.plot([1, 2]); plt.title("Продажи Πωλήσεις")`),
  python(
    "charts",
    "resize a picture",
    `from PIL import Image; Image.new("RGB", (100, 50)).resize((10, 5)).save("s.png"); print(Image.open("s.png").size)`,
    /\(10, 5\)/,
  ),
];

const documents: ReadonlyArray<Task> = [
  python(
    "documents",
    "spreadsheet, written and read",
    `import pandas as pd; pd.DataFrame({"a": [1, 2]}).to_excel("t.xlsx", index=False)
print(pd.read_excel("t.xlsx").a.sum())`,
    /"3\\n/,
  ),
  python(
    "documents",
    "letter (docx)",
    `import docx; d = docx.Document(); d.add_paragraph("Dear Ada"); d.save("t.docx")
print(docx.Document("t.docx").paragraphs[0].text)`,
    /Dear Ada/,
  ),
  python(
    "documents",
    "slides (pptx)",
    `import pptx; p = pptx.Presentation(); s = p.slides.add_slide(p.slide_layouts[0]); s.shapes.title.text = "Plan"
p.save("t.pptx"); print(pptx.Presentation("t.pptx").slides[0].shapes.title.text)`,
    /Plan/,
  ),
  {
    group: "documents",
    name: "PDF, written and read",
    calls: [
      write(
        "pdf.py",
        `from reportlab.pdfgen import canvas\nc = canvas.Canvas("t.pdf"); c.drawString(99, 99, "Hello PDF"); c.save()`,
      ),
      bash("python3 pdf.py && pdftotext t.pdf -"),
    ],
    expected: /Hello PDF/,
  },
  python(
    "documents",
    "join two PDFs",
    `from pypdf import PdfReader, PdfWriter
w = PdfWriter(); w.add_blank_page(72, 72); w.add_blank_page(72, 72); w.write("two.pdf"); print(len(PdfReader("two.pdf").pages))`,
    /"2\\n/,
  ),
];

const odd: ReadonlyArray<Task> = [
  python(
    "odd files",
    "semicolons, decimal commas, Latin-1",
    `import pandas as pd
open("l.csv", "wb").write("stadt;wert\\nKöln;1,5\\n".encode("latin-1"))
d = pd.read_csv("l.csv", sep=";", decimal=",", encoding="latin-1"); print(d.stadt[0], d.wert[0])`,
    /Köln 1\.5/,
  ),
  python(
    "odd files",
    "UTF-16 with tabs",
    `import pandas as pd
open("u.tsv", "wb").write("a\\tb\\n1\\t2\\n".encode("utf-16")); print(pd.read_csv("u.tsv", sep="\\t", encoding="utf-16").b[0])`,
    /"2\\n/,
  ),
  python(
    "odd files",
    "nested lines of JSON",
    `import json, pandas as pd
print(pd.json_normalize([json.loads(l) for l in '{"a":{"b":1}}\\n{"a":{"b":2}}'.split("\\n")])["a.b"].sum())`,
    /"3\\n/,
  ),
  python(
    "odd files",
    "a table in HTML",
    `import pandas as pd, io; print(pd.read_html(io.StringIO("<table><tr><th>x<tr><td>7</table>"))[0].x[0])`,
    /"7\\n/,
  ),
  python("odd files", "YAML", `import yaml; print(yaml.safe_load("a: [1, 2]")["a"][1])`, /"2\\n/),
  python(
    "odd files",
    "Parquet",
    `import pandas as pd; pd.DataFrame({"a": [1]}).to_parquet("t.parquet"); print(pd.read_parquet("t.parquet").a[0])`,
    /"1\\n/,
  ),
  shell(
    "odd files",
    "an archive in an archive",
    "echo hi > a; tar cf a.tar a; gzip -f a.tar; zip -q a.zip a.tar.gz; unzip -p a.zip | tar xzO",
    /hi/,
  ),
];

const shellWork: ReadonlyArray<Task> = [
  shell("shell", "sum a column", "printf 'a,1\\nb,2\\n' | awk -F, '{s+=$2} END {print s}'", /"3\\n/),
  shell("shell", "the most frequent word", "printf 'x\\ny\\nx\\n' | sort | uniq -c | sort -rn | head -1", /2 x/),
  shell(
    "shell",
    "find and count",
    "mkdir -p d; printf '1\\n2\\n' > d/a.log; find d -name '*.log' | xargs wc -l",
    /2 d\/a\.log/,
  ),
  shell("shell", "replace in place", "echo cat > s; sed -i s/cat/dog/ s; cat s", /dog/),
  shell("shell", "pick from JSON", `echo '{"a":[{"b":5}]}' | jq '.a[0].b'`, /"5\\n/),
  shell("shell", "search a tree", "mkdir -p t; echo needle > t/x; rg -l needle t", /t\/x/),
  shell("shell", "compare", "printf 'a\\n' > p; printf 'b\\n' > q; diff p q | grep -c '^[<>]'", /"2\\n/),
  shell("shell", "a day of the week", "date -d 2026-11-25 +%A", /Wednesday/),
  shell("shell", "line up columns", "printf 'a bb\\nccc d\\n' | column -t", /a {4}bb/),
  shell("shell", "check a sum", "printf abc | sha256sum | cut -c1-8", /ba7816bf/),
];

const programming: ReadonlyArray<Task> = [
  {
    group: "programming",
    name: "mend one line and run the tests",
    calls: [
      write("m.py", "def add(a, b):\n    return a - b\n"),
      write(
        "test_m.py",
        "import unittest, m\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(m.add(1, 2), 3)\n",
      ),
      { tool: "edit_file", args: { file_path: "m.py", old_text: "a - b", new_text: "a + b" } },
      bash("python3 -m unittest -q test_m 2>&1 | tail -1"),
    ],
    expected: /OK/,
  },
  shell(
    "programming",
    "a repository",
    "rm -rf r && git init -q r && cd r && echo 1 > f && git add f && git commit -qm one && git log --oneline | wc -l",
    /"1\\n/,
  ),
  {
    group: "programming",
    name: "run pytest",
    calls: [write("test_p.py", "def test(): assert 1 + 1 == 2\n"), bash("python3 -m pytest -q test_p.py")],
    expected: /1 passed/,
  },
  shell("programming", "run JavaScript", "node -e 'console.log(6 * 7)'", /42/),
  shell("programming", "compile C", "echo 'int main(){return 0;}' > c.c && cc c.c -o c && ./c && echo built", /built/),
];

/** Every task, group by group. */
export const tasks: ReadonlyArray<Task> = [
  ...tables,
  ...statistics,
  ...charts,
  ...documents,
  ...odd,
  ...shellWork,
  ...programming,
];
