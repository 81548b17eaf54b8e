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
 * A reader that is not installed, or that fails at what it should be able to read, proves nothing; nor does a file that
 * its maker locked with a password. A file named by a relative path may be anywhere in the workspace.
 */
const program = `
import base64, csv, io, json, os, sys, zipfile
try: from xml.parsers import expat
except ImportError: expat = None
LARGE = 64 << 20
PIXELS = 1 << 25
def locked(path):
    with open(path, "rb") as f: raw = f.read()
    return raw[:8] == b"\\xd0\\xcf\\x11\\xe0\\xa1\\xb1\\x1a\\xe1" and "EncryptedPackage".encode("utf-16-le") in raw
def office(path, part):
    if locked(path): return False
    with zipfile.ZipFile(path) as z:
        names = z.namelist()
        if part not in names: raise ValueError
        for name in names:
            parser = expat.ParserCreate() if expat and name.lower().endswith((".xml", ".rels")) else None
            with z.open(name) as f:
                while True:
                    piece = f.read(1 << 20)
                    if parser: parser.Parse(piece, not piece)
                    if not piece: break
    return True
def docx(path):
    if not office(path, "word/document.xml"): return
    try: import docx as reader
    except ImportError: return
    reader.Document(path)
def pptx(path):
    if not office(path, "ppt/presentation.xml"): return
    try: import pptx as reader
    except ImportError: return
    if len(reader.Presentation(path).slides) == 0: return "it has no slides"
def xlsx(path):
    if not office(path, "xl/workbook.xml"): return
    try: import openpyxl
    except ImportError: return
    # All its parts are whole: what openpyxl itself stumbles over is not the file's.
    try: openpyxl.load_workbook(path, read_only=True).close()
    except (AttributeError, TypeError): return
def pdf(path):
    with open(path, "rb") as f:
        if b"%PDF-" not in f.read(1024): raise ValueError
    try: import pypdf
    except ImportError: return
    reader = pypdf.PdfReader(path)
    if not reader.is_encrypted and len(reader.pages) == 0: return "it has no pages"
def png(path):
    with open(path, "rb") as f:
        if f.read(8) != b"\\x89PNG\\r\\n\\x1a\\n": raise ValueError
    try: from PIL import Image
    except ImportError: return
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path) as image:
        # A large one is not unpacked: its parts have sums of their own.
        image.verify() if image.width * image.height > PIXELS else image.load()
def json_(path):
    with open(path, "rb") as f: json.loads(f.read())
def csv_(path):
    with open(path, "rb") as f: raw = f.read()
    if not raw.strip(): return "it is empty"
    wide = raw[:2] in (b"\\xff\\xfe", b"\\xfe\\xff")
    if b"\\0" in raw and not wide: raise ValueError
    text = raw.decode("utf-16" if wide else "utf-8-sig", "replace")
    start = text[:1024].lstrip().lower()
    if start.startswith(("<!doctype", "<html")): raise ValueError
    head = start.split("\\n", 1)[0]
    csv.field_size_limit(LARGE)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\\t|", key=head.count), strict=True)
    try:
        for row in rows: pass
    except csv.Error as error:
        # A quote that is never closed takes the rest of the file with it; other readers forgive the others.
        if "end of data" in str(error): raise
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
    except (MemoryError, RecursionError): return
    except Exception: return "it is broken: not readable as " + kind
class TooMany(Exception): pass
def lying():
    seen = 0
    for folder, folders, names in os.walk("${workspaceFolder}"):
        folders[:] = [each for each in folders if each[:1] != "." and each not in ("node_modules", "__pycache__")]
        for each in names: yield os.path.join(folder, each)
        seen += len(names) + len(folders)
        if seen > 20000: raise TooMany
def found(path, place):
    if place == "made":
        for each in lying():
            if each.endswith("/" + path) and os.lstat(each).st_ctime >= since: return each
        return ""
    if os.path.lexists(path): return path
    if place == "perhaps": return ""
    if place == "exact": return path
    name, alike = os.path.basename(path), False
    for each in lying():
        if os.path.basename(each) == name: return each
        alike = alike or each.endswith(name)
    return "" if alike else path
since, files = json.loads(base64.b64decode(sys.argv[1]))
for index, (path, place) in enumerate(files):
    try: at = found(path, place)
    except (TooMany, OSError): continue
    why = fault(at) if at else None
    if why: print(json.dumps({"index": index, "why": why, "at": at}), flush=True)
`;

/** The command that looks into files; what a run made is what was changed since a time. */
export const readersCommand = (files: ReadonlyArray<NamedFile>, sinceMs: number): string => {
  const encoded = (text: string) => Buffer.from(text).toString("base64");
  const run = `import base64;exec(base64.b64decode("${encoded(program)}"))`;
  const asked = files.map((
    { path, fullPath, place },
  ) => [place === "made" ? path.replace(/^\.\//, "") : fullPath, place]);
  // -I: nothing that lies in the workspace is imported in place of a reader.
  return `python3 -I -W ignore -c '${run}' ${encoded(JSON.stringify([sinceMs / 1000, asked]))}`;
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
