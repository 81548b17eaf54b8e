/** Reads PDF files beside the frame that draws them, so that a large one holds nothing up. */
import "npm:pdfjs-dist@6.5.438/build/pdf.worker.min.mjs";
