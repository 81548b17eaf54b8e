/** The files of a run: pictures where they belong, others as cards. */
import { contentPath } from "../api.ts";
import { Icon } from "../parts/Icon.tsx";
import { openFile } from "../state/page.ts";
import { bytes, visible } from "../text/format.ts";
import type { FileOut } from "../wire.ts";

/** Whether a browser may show a file as a picture; the server has looked at its first bytes. */
export const isPicture = (file: FileOut): boolean =>
  file.is_image ?? /^image\/(?:png|jpeg|gif|webp)$/.test(file.media_type);

const Chart = ({ file }: { readonly file: FileOut }) => (
  <figure class="chart">
    <button type="button" aria-label={`Open ${visible(file.filename)}`} onClick={() => openFile(file)}>
      <img src={contentPath(file)} alt={visible(file.filename)} />
    </button>
    <figcaption class="quiet">
      <bdi>{visible(file.filename)}</bdi> · {bytes(file.bytes)}
    </figcaption>
  </figure>
);

const Card = ({ file }: { readonly file: FileOut }) =>
  file.isGone === true
    ? (
      <span class="file-card gone">
        <Icon name="file" />
        <bdi class="name">{visible(file.filename)}</bdi>
        <span>no longer there</span>
      </span>
    )
    : (
      <button type="button" class="file-card" onClick={() => openFile(file)}>
        <Icon name="file" />
        <bdi class="name">{visible(file.filename)}</bdi>
        <span class="quiet">{bytes(file.bytes)}</span>
      </button>
    );

const isShown = (file: FileOut): boolean => isPicture(file) && file.isGone !== true;

/** Pictures and cards. */
export const Files = ({ files }: { readonly files: ReadonlyArray<FileOut> }) => {
  const others = files.filter((file) => !isShown(file));
  return (
    <>
      {files.filter(isShown).map((file) => <Chart key={file.path} file={file} />)}
      {others.length > 0 && (
        <div class="files">
          {others.map((file) => <Card key={file.path} file={file} />)}
        </div>
      )}
    </>
  );
};
