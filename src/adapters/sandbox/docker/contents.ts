/**
 * What is in the sandbox image: the one table behind its build, the page that tells of it, and what the
 * model is told.
 *
 * `deno task docs` writes `image/contents/slim.txt`, `image/contents/full.txt` and `docs/image.md` from it.
 */

/** An image of ours: `slim` is the default, `full` holds all that `slim` holds and more. */
export type Contents = "slim" | "full";

/** The images that are built from our sources when they are wanted and absent, and what each holds. */
export const builtHere: Readonly<Record<string, Contents | undefined>> = {
  "mcp-code-executor:latest": "slim",
  "mcp-code-executor:full": "full",
};

/** A package and what it is there for. */
export interface Content {
  readonly group: string;
  /** What people call it. */
  readonly name: string;
  /** Packages of Debian that bring it. */
  readonly debian?: ReadonlyArray<string>;
  /** Requirements of the Python package index with their hashes, where Debian has none. */
  readonly pypi?: ReadonlyArray<string>;
  /** Python modules that the build imports to prove that it works. */
  readonly modules?: ReadonlyArray<string>;
  /** Commands that the build looks up. */
  readonly commands?: ReadonlyArray<string>;
  readonly of: Contents;
}

const python = (
  group: string,
  of: Contents,
  rows: ReadonlyArray<readonly [name: string, packages: string, modules: string]>,
): ReadonlyArray<Content> =>
  rows.map(([name, packages, modules]) => ({
    group,
    of,
    name,
    debian: packages.split(" "),
    modules: modules.split(" "),
  }));

const programs = (
  group: string,
  of: Contents,
  rows: ReadonlyArray<readonly [name: string, packages: string, commands: string]>,
): ReadonlyArray<Content> =>
  rows.map(([name, packages, commands]) => ({
    group,
    of,
    name,
    debian: packages.split(" "),
    commands: commands.split(" "),
  }));

/** What only the Python package index has: each requirement with the SHA-256 of its file for each architecture. */
const fromIndex = (
  group: string,
  of: Contents,
  name: string,
  module: string,
  requirements: ReadonlyArray<readonly [requirement: string, ...hashes: ReadonlyArray<string>]>,
): Content => ({
  group,
  of,
  name,
  modules: [module],
  pypi: requirements.map(([requirement, ...hashes]) =>
    [requirement, ...hashes.map((hash) => `--hash=sha256:${hash}`)].join(" ")
  ),
});

const data = "Data and statistics";
const documents = "Documents";
const net = "Web and text";
const pictures = "Charts, pictures, fonts";
const shell = "Shell";

/** Everything that the images are asked to hold, in the order of the page. */
export const contents: ReadonlyArray<Content> = [
  ...python(data, "slim", [
    ["NumPy", "python3-numpy", "numpy"],
    ["pandas", "python3-pandas", "pandas"],
    ["SciPy", "python3-scipy", "scipy.linalg scipy.stats"],
    ["scikit-learn", "python3-sklearn", "sklearn.ensemble sklearn.linear_model"],
    ["statsmodels", "python3-statsmodels", "statsmodels.api statsmodels.formula.api"],
    ["SymPy", "python3-sympy", "sympy"],
    ["NetworkX", "python3-networkx", "networkx"],
    ["tqdm", "python3-tqdm", "tqdm"],
    ["tabulate", "python3-tabulate", "tabulate"],
    ["dateutil", "python3-dateutil", "dateutil"],
  ]),
  ...python(data, "full", [
    ["imbalanced-learn", "python3-imblearn", "imblearn"],
    ["XGBoost", "python3-xgboost", "xgboost"],
    ["GeoPandas", "python3-geopandas", "geopandas"],
    ["NLTK", "python3-nltk", "nltk"],
    ["SQLAlchemy", "python3-sqlalchemy", "sqlalchemy"],
  ]),
  fromIndex(data, "full", "Polars", "polars", [
    ["polars==2.1.0", "63c50ce3533f5a03d17c3a2a24f1d0e0c7eda98fbde4268a3cba900d34060e67"],
    [
      "polars-runtime-32==2.1.0",
      "0b838056cf365d7497971d9d9825c547766923338771c48c545b86ead2ebc572",
      "777228cc8bf9cda36dee85ba74d13a25974ad4caffc5da93e10b1da9d810ce2d",
    ],
  ]),
  fromIndex(data, "full", "PyArrow", "pyarrow", [[
    "pyarrow==26.0.1",
    "39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c",
    "22a96a225de107eb9acd1ad9a818198ca832df2a4c0952412f754a7ed2105a98",
  ]]),
  fromIndex(data, "full", "DuckDB", "duckdb", [[
    "duckdb==2.0.1",
    "eb32b389d99d14cbbec4c110f58237c77eacefc65ef6f737619f413c97a91a77",
    "dd8961476eb9e048d1e784eb6bad7aad39304d72b4e4fd8c021f1863b7ee6425",
  ]]),
  ...python(pictures, "slim", [
    ["Matplotlib", "python3-matplotlib", "matplotlib.pyplot"],
    ["seaborn", "python3-seaborn", "seaborn"],
    ["Pillow", "python3-pil", "PIL.Image"],
  ]),
  {
    group: pictures,
    name:
      "fonts: DejaVu, Liberation (as wide as Arial, Times, Courier), WenQuanYi Micro Hei (Chinese, Japanese, Korean), Symbola (emoji and symbols)",
    of: "slim",
    debian: ["fonts-dejavu-core", "fonts-liberation2", "fonts-wqy-microhei", "fonts-symbola"],
  },
  ...python(pictures, "full", [["Plotly", "python3-plotly", "plotly.graph_objects"]]),
  {
    group: pictures,
    name: "fonts: Noto (Hindi, Thai and most scripts), Noto Color Emoji",
    of: "full",
    debian: ["fonts-noto-core", "fonts-noto-color-emoji"],
  },
  ...programs(pictures, "full", [
    ["ImageMagick", "imagemagick", "convert"],
    ["Graphviz", "graphviz", "dot"],
    ["Tesseract OCR", "tesseract-ocr", "tesseract"],
  ]),
  ...python(documents, "slim", [
    ["openpyxl (xlsx)", "python3-openpyxl", "openpyxl"],
    ["XlsxWriter (xlsx)", "python3-xlsxwriter", "xlsxwriter"],
    ["xlrd (xls)", "python3-xlrd", "xlrd"],
    ["python-docx (docx)", "python3-docx", "docx"],
    ["pypdf (reading PDF)", "python3-pypdf", "pypdf"],
    ["ReportLab (writing PDF)", "python3-reportlab", "reportlab.pdfgen.canvas"],
  ]),
  {
    ...fromIndex(documents, "slim", "python-pptx (pptx)", "pptx", [
      ["python-pptx==1.0.2", "160838e0b8565a8b1f67947675886e9fea18aa5e795db7ae531606d68e785cba"],
    ]),
    debian: ["python3-typing-extensions"],
  },
  ...programs(documents, "slim", [["Poppler (PDF to text and pictures)", "poppler-utils", "pdftotext pdftoppm"]]),
  ...python(documents, "full", [["pdfminer", "python3-pdfminer", "pdfminer.high_level"]]),
  ...programs(documents, "full", [["qpdf", "qpdf", "qpdf"]]),
  ...python(net, "slim", [
    ["Beautiful Soup", "python3-bs4", "bs4"],
    ["lxml", "python3-lxml", "lxml.etree"],
    ["Requests", "python3-requests", "requests"],
    ["PyYAML", "python3-yaml", "yaml"],
  ]),
  ...programs("Programming", "slim", [
    ["Python with pip and venv", "python3 python3-pip python3-venv", "python3 pip3"],
    ["Git", "git", "git"],
    ["SQLite", "sqlite3", "sqlite3"],
    ["Perl", "perl", "perl"],
  ]),
  ...programs("Programming", "full", [["Node.js", "nodejs", "node"]]),
  ...python("Programming", "full", [["pytest", "python3-pytest", "pytest"]]),
  ...programs(shell, "slim", [
    ["Bash", "bash", "bash"],
    ["jq", "jq", "jq"],
    ["ripgrep", "ripgrep", "rg"],
    ["curl", "ca-certificates curl", "curl"],
    ["OpenSSL", "openssl", "openssl"],
    ["bc", "bc", "bc"],
    ["archives", "bzip2 cpio gzip unzip xz-utils zip", "bzip2 cpio gzip unzip xz zip tar"],
    ["file, less, patch, tree", "file less patch tree", "file less patch tree"],
    ["processes", "procps psmisc", "ps pgrep top pstree killall fuser"],
    ["column, hexdump, rev", "bsdextrautils", "column hexdump rev"],
    ["cal", "ncal", "cal"],
  ]),
];

/** What people ask for and neither image holds, with the reason. */
export const absent: ReadonlyArray<readonly [name: string, reason: string]> = [
  ["C and C++ compilers, make", "430 MB with what they bring; an image of one's own has them in one line"],
  ["LibreOffice", "347 MB"],
  ["pandoc", "174 MB"],
  ["ffmpeg", "400 MB"],
  ["OpenCV", "703 MB"],
  ["Chromium, Playwright", "665 MB, and a browser wants a network"],
  ["R, Java, Go", "49, 202 and 465 MB"],
  ["PyTorch, TensorFlow", "gigabytes, and a sandbox has no GPU"],
  ["PyMuPDF", "its licence (AGPL) would bind what is built on it"],
  ["IPython, Jupyter", "a kernel of our own does what they do in a sandbox"],
  ["ssh, telnet, ping, dig", "there is no network for them"],
  ["sudo, apt at run time", "nothing in a sandbox becomes root, and its system is read-only"],
];

/** The rows that an image holds. */
export const contentsOf = (image: Contents): ReadonlyArray<Content> =>
  contents.filter(({ of }) => of === "slim" || image === "full");

/** The list that the image's build reads: `debian`, `pypi`, `module` or `command`, and a name, on each line. */
export const buildList = (image: Contents): string => {
  const rows = contentsOf(image);
  const lines = (kind: string, names: ReadonlyArray<string>) =>
    [...new Set(names)].sort().map((name) => `${kind} ${name}`);
  return [
    ...lines("debian", rows.flatMap(({ debian = [] }) => debian)),
    ...lines("pypi", rows.flatMap(({ pypi = [] }) => pypi)),
    ...lines("module", rows.flatMap(({ pypi, modules = [] }) => pypi === undefined ? modules : [])),
    ...lines("command", rows.flatMap(({ commands = [] }) => commands)),
  ].join("\n") + "\n";
};

/** What the model is told of an image of ours; an image of somebody's own holds at least the slim one. */
export const contentsNotes = (reference: string): ReadonlyArray<string> => {
  const rows = contentsOf(builtHere[reference] ?? "slim");
  // What stands behind a name in parentheses is for people.
  const libraries = rows.filter(({ modules }) => modules !== undefined).map(({ name }) => name.split(" (", 1).join(""));
  const commands = rows.flatMap(({ commands = [] }) => commands);
  return [
    `Python 3 has ${libraries.join(", ")}. Charts are saved to files.`,
    `There are ${commands.join(", ")} and the usual Unix tools, and no compiler.`,
  ];
};
