/**
 * The packages and programs that analysts use most, and why one may be in neither image.
 */

/** Modules of the 60 packages that are used most for analysis, by name of import. */
export const packages =
  `numpy pandas scipy matplotlib seaborn sklearn statsmodels sympy networkx plotly bokeh altair xgboost lightgbm catboost
imblearn torch tensorflow keras transformers nltk spacy gensim cv2 skimage PIL imageio requests httpx aiohttp bs4 lxml
selenium openpyxl xlsxwriter xlrd docx pptx pypdf pdfplumber fitz reportlab sqlalchemy psycopg2 pymysql duckdb polars
pyarrow dask numba geopandas shapely folium yaml tqdm tabulate dateutil pytest IPython jinja2`.split(/\s+/);

/** The 60 programs that are used most in a shell, those of every Unix among them. */
export const programs =
  `awk sed grep find xargs sort uniq cut tr head tail wc paste join comm diff patch tee split seq date du df stat tar gzip
bzip2 xz zip unzip cpio jq rg curl wget git sqlite3 perl python3 pip3 node make gcc bc less tree column hexdump rev ps
pgrep top killall openssl base64 sha256sum md5sum rsync ssh vim`.split(/\s+/);

const noNetwork = "it is for a network, of which there is none";
const large = "its size";
const another = (name: string) => `${name} does it`;

/** Why a name is in neither image. */
export const absentBecause: Readonly<Record<string, string>> = {
  bokeh: another("Plotly, in full,"),
  altair: another("Plotly, in full,"),
  lightgbm: another("XGBoost, in full,"),
  catboost: another("XGBoost, in full,"),
  torch: "gigabytes, and a sandbox has no GPU",
  tensorflow: "gigabytes, and a sandbox has no GPU",
  keras: "it needs TensorFlow or PyTorch",
  transformers: "it needs PyTorch, and models from a network",
  spacy: "it needs models from a network",
  gensim: another("scikit-learn"),
  cv2: "703 MB",
  skimage: large,
  imageio: another("Pillow"),
  httpx: noNetwork,
  aiohttp: noNetwork,
  selenium: "it needs a browser and a network",
  pdfplumber: another("pypdf, or Poppler,"),
  fitz: "its licence (AGPL) would bind what is built on it",
  psycopg2: noNetwork,
  pymysql: noNetwork,
  dask: another("pandas, and Polars in full,"),
  numba: large,
  shapely: "full has it with GeoPandas",
  jinja2: "Python's own formatting does it",
  folium: "its maps come from a network",
  IPython: "a kernel of our own does it; cells import `IPython.display`",
  wget: another("curl"),
  make: "430 MB with the compilers; an image of one's own has them in one line",
  gcc: "430 MB; an image of one's own has it in one line",
  rsync: noNetwork,
  ssh: noNetwork,
  vim: "nobody is at a terminal; edit_file and sed edit",
};
