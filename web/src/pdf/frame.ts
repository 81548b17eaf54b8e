/**
 * Draws a PDF, alone in a frame without an origin: no network, no storage, nothing of the page around it.
 *
 * The page sends the bytes in; what comes out is `Said`. Scripts, forms and links of the file are not there at all:
 * only what it draws, and its words to select and to be read aloud.
 */
import { AnnotationMode, getDocument, PasswordException, PDFWorker, TextLayer } from "npm:pdfjs-dist@6.5.438";
// As text: its makers have made it short already, and a bundler that reads it again takes longer than for all the rest.
import reader from "npm:pdfjs-dist@6.5.438/build/pdf.worker.min.mjs" with { type: "text" };
import type { Said, Sent } from "./messages.ts";

/** Pages that are shown of one file, and pixels of the canvas of one page. */
const pagesMax = 300;
const pixelsMax = 8_000_000;
/** Pixels of the largest picture in a file; a larger one is left out. */
const imagePixelsMax = 50_000_000;
/** How far from what is seen a page is drawn, in heights of the frame. */
const nearFrames = "100%";
/** How long the width must stand before pages are drawn anew, in milliseconds. */
const settledMs = 150;

type Document = Awaited<ReturnType<typeof getDocument>["promise"]>;
type Page = Awaited<ReturnType<Document["getPage"]>>;

const say = (said: Said): void => parent.postMessage(said, "*");

/** What reads a file, as a script that is no module: a frame without an origin may begin no other from within. */
const script = (): string =>
  `"use strict";${reader.replaceAll("import.meta.url", '""').replace(/export\{\w+\};?\s*$/, "")}`;

/** Reads the file beside the frame, so that a large one holds nothing up. */
const startWorker = (): Worker => new Worker(URL.createObjectURL(new Blob([script()])));

/** A page of the file on the screen: its drawing is there while it is near, its words from then on. */
class Sheet {
  readonly element = document.createElement("section");
  readonly #canvas = document.createElement("canvas");
  readonly #page: Page;
  #drawnWidth = 0;
  #hasWords = false;
  #drawing: ReturnType<Page["render"]> | undefined;

  constructor(page: Page, count: number) {
    this.#page = page;
    this.element.setAttribute("aria-label", `Page ${page.pageNumber} of ${count}`);
    this.#canvas.setAttribute("aria-hidden", "true");
    this.element.append(this.#canvas);
    const { width, height } = page.getViewport({ scale: 1 });
    this.element.style.aspectRatio = `${width} / ${height}`;
  }

  /** Draws the page as wide as it stands, unless it is drawn so. */
  async draw(): Promise<void> {
    const width = this.element.clientWidth;
    if (width === 0 || width === this.#drawnWidth) return;
    this.#drawing?.cancel();
    this.#drawnWidth = width;
    const natural = this.#page.getViewport({ scale: 1 });
    const scale = width / natural.width;
    const sharp = Math.min(devicePixelRatio, Math.sqrt(pixelsMax / (width * natural.height * scale)));
    this.element.style.setProperty("--total-scale-factor", String(scale));
    const viewport = this.#page.getViewport({ scale: scale * sharp });
    this.#canvas.width = Math.floor(viewport.width);
    this.#canvas.height = Math.floor(viewport.height);
    this.#drawing = this.#page.render({
      canvas: this.#canvas,
      viewport,
      annotationMode: AnnotationMode.ENABLE,
    });
    // A drawing that was overtaken by another width ends with a refusal, and so does a broken page: it stays blank.
    await this.#drawing.promise.catch(() => undefined);
    if (!this.#hasWords) await this.#addWords(scale);
  }

  async #addWords(scale: number): Promise<void> {
    this.#hasWords = true;
    const words = document.createElement("div");
    words.className = "words";
    this.element.append(words);
    const viewport = this.#page.getViewport({ scale });
    await new TextLayer({ textContentSource: this.#page.streamTextContent(), container: words, viewport }).render()
      .catch(() => undefined);
  }

  /** Gives back what the drawing took. */
  clear(): void {
    this.#drawing?.cancel();
    this.#drawnWidth = 0;
    this.#canvas.width = 0;
    this.#canvas.height = 0;
  }
}

/** Draws what comes near, gives back what is far, and all anew when the frame has another width. */
const keepDrawn = (sheets: ReadonlyArray<Sheet>): void => {
  const near = new Set<Sheet>();
  const byElement = new Map<Element, Sheet>(sheets.map((sheet) => [sheet.element, sheet]));
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const sheet = byElement.get(target);
      if (sheet === undefined) continue;
      if (isIntersecting) {
        near.add(sheet);
        void sheet.draw();
      } else {
        near.delete(sheet);
        sheet.clear();
      }
    }
  }, { root: document, rootMargin: nearFrames });
  for (const { element } of sheets) watch.observe(element);
  let timer = 0;
  new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(() => near.forEach((sheet) => void sheet.draw()), settledMs);
  }).observe(document.body);
};

const open = async ({ bytes, theme }: Sent): Promise<void> => {
  document.documentElement.dataset["theme"] = theme;
  const file = await getDocument({
    data: new Uint8Array(bytes),
    worker: PDFWorker.create({ port: startWorker(), verbosity: 0 }),
    verbosity: 0,
    enableXfa: false,
    useWasm: false,
    maxImageSize: imagePixelsMax,
  }).promise;
  const count = Math.min(file.numPages, pagesMax);
  const sheets: Array<Sheet> = [];
  for (let number = 1; number <= count; number++) sheets.push(new Sheet(await file.getPage(number), file.numPages));
  document.body.append(...sheets.map(({ element }) => element));
  keepDrawn(sheets);
  say({ type: "opened", pages: file.numPages, shown: count });
};

addEventListener("message", ({ data, source }: MessageEvent<Sent>) => {
  if (source !== parent) return;
  open(data).catch((error: unknown) =>
    say({ type: "failed", why: error instanceof PasswordException ? "password" : "broken" })
  );
}, { once: true });
say({ type: "ready" });
