/**
 * Reading files inside the sandbox with the readers of their kinds.
 */
import { workspaceFolder } from "../domain/workspacePaths.ts";
import { Buffer } from "node:buffer";
import { Option, Schema } from "effect";
import type { NamedFile } from "./deliverableNames.ts";

/**
 * Reads each file as its users would, and prints a line of JSON for each that cannot be read.
 *
 * A reader that is not installed proves nothing; what it would read is then looked at as a container only. A file named
 * by a relative path may be anywhere in the workspace.
 */
const program = `
import base64, csv, io, json, os, sys, zipfile
LARGE = 64 << 20
def zipped(path, part):
    with zipfile.ZipFile(path) as z:
        if z.testzip() is not None or part not in z.namelist(): raise ValueError
def docx(path):
    zipped(path, "word/document.xml")
    try: import docx as reader
    except ImportError: return
    reader.Document(path)
def pptx(path):
    zipped(path, "ppt/presentation.xml")
    try: import pptx as reader
    except ImportError: return
    if len(reader.Presentation(path).slides) == 0: return "it has no slides"
def xlsx(path):
    zipped(path, "xl/workbook.xml")
    try: import openpyxl
    except ImportError: return
    openpyxl.load_workbook(path, read_only=True).close()
def pdf(path):
    with open(path, "rb") as f:
        if b"%PDF-" not in f.read(1024): raise ValueError
    try: import pypdf
    except ImportError: return
    if len(pypdf.PdfReader(path).pages) == 0: return "it has no pages"
def png(path):
    with open(path, "rb") as f:
        if f.read(8) != b"\\x89PNG\\r\\n\\x1a\\n": raise ValueError
    try: from PIL import Image
    except ImportError: return
    with Image.open(path) as image: image.load()
def json_(path):
    with open(path, encoding="utf-8-sig") as f: json.load(f)
def csv_(path):
    with open(path, "rb") as f: raw = f.read(1 << 20)
    if b"\\0" in raw and raw[:2] not in (b"\\xff\\xfe", b"\\xfe\\xff"): raise ValueError
    if not raw.strip(): return "it is empty"
kinds = {"docx": docx, "pptx": pptx, "xlsx": xlsx, "pdf": pdf, "png": png, "json": json_, "csv": csv_}
def fault(path):
    try:
        if os.path.isdir(path): return
        size = os.path.getsize(path)
    except OSError:
        return "it is not there"
    if size == 0: return "it is empty"
    if size > LARGE or not os.path.isfile(path): return
    kind = path.rsplit(".", 1)[-1].lower()
    if kind not in kinds: return
    try: return kinds[kind](path)
    except MemoryError: return
    except Exception: return "it is broken: not readable as " + kind
def elsewhere(name):
    ends, seen = [], 0
    for folder, folders, names in os.walk("${workspaceFolder}"):
        folders[:] = [each for each in folders if each[:1] != "." and each not in ("node_modules", "__pycache__")]
        for each in names:
            if each == name: return os.path.join(folder, each)
            if each.endswith(name): ends.append(each)
        seen += len(names) + len(folders)
        if seen > 20000: return ""
    return "" if ends else None
for index, (path, place) in enumerate(json.loads(base64.b64decode(sys.argv[1]))):
    at = path
    if not os.path.lexists(path):
        if place == "perhaps": continue
        if place == "anywhere": at = elsewhere(os.path.basename(path))
        if at == "": continue
    why = fault(at or path)
    if why: print(json.dumps({"index": index, "why": why, "at": at or path}), flush=True)
`;

/** The command that looks into files. */
export const readersCommand = (files: ReadonlyArray<Pick<NamedFile, "fullPath" | "place">>): string => {
  const encoded = (text: string) => Buffer.from(text).toString("base64");
  const run = `import base64;exec(base64.b64decode("${encoded(program)}"))`;
  // -I: nothing that lies in the workspace is imported in place of a reader.
  return `python3 -I -W ignore -c '${run}' ${
    encoded(JSON.stringify(files.map(({ fullPath, place }) => [fullPath, place])))
  }`;
};

const decodeLine = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ index: Schema.Int, why: Schema.String, at: Schema.String })),
);

/** Characters of what is wrong with a file; the sandbox could say anything. */
const whyCharactersMax = 120;

/** What the command printed: which of the files is wrong, and why. */
export const readersFound = (
  stdout: string,
): ReadonlyArray<{ readonly index: number; readonly why: string; readonly at: string }> =>
  stdout.split("\n").flatMap((line) =>
    Option.toArray(decodeLine(line)).map(({ index, why, at }) => ({
      index,
      at,
      why: why.slice(0, whyCharactersMax).replace(/\s/g, " ").toWellFormed(),
    }))
  );
