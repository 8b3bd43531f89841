"""One file with a run's HTML, its ledger, the package's weights and the SHA-256 of each: what a release consists of."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from solarsynth import paths, shipped
from solarsynth.book import ledger
from solarsynth.book.publish import PROVENANCE
from solarsynth.errors import SolarsynthError
from solarsynth.files import check_folder, replacing

SUMS = "SHA256SUMS"

#: Files of the repository that explain the others.
PAPERS = ("LICENSE", "CITATION.cff", "CHANGELOG.md", "constraints.txt")

#: Files that compression does not make smaller.
DENSE = (".safetensors", ".png", ".woff2")

#: Every file has this time, so that the same contents make the same bundle.
_TIME = (1980, 1, 1, 0, 0, 0)


def contents(folder: Path) -> dict[str, Path]:
    """Return what a bundle of a run holds: the name in the bundle and the file of each, sorted by name.

    Parameters
    ----------
    folder : Path
        A run whose HTML is built, or the published book.

    Raises
    ------
    SolarsynthError
        If the HTML, the ledger or a file of the package is missing.
    """
    html = folder / "_build" / "html"
    if not (html / "index.html").is_file():
        raise SolarsynthError(f"{html}: the book is not built; run jupyter-book build {folder}")
    found = {f"html/{path.relative_to(html).as_posix()}": path for path in html.rglob("*") if path.is_file()}
    found |= {name: folder / name for name in (ledger.NAME, PROVENANCE)}
    found |= {f"weights/{path.name}": path for path in shipped.FOLDER.iterdir() if path.is_file()}
    found |= {name: paths.root() / name for name in PAPERS}
    missing = [str(path) for path in found.values() if not path.is_file()]
    if missing:
        raise SolarsynthError(f"{missing[0]} is missing; the bundle was not written")
    return dict(sorted(found.items()))


def write_bundle(folder: Path, out: Path) -> int:
    """Write a bundle, whole or not at all; ``sha256sum -c SHA256SUMS`` checks it where it is unpacked.

    Parameters
    ----------
    folder : Path
        As for `contents`.
    out : Path
        A ``.zip``.

    Returns
    -------
    int
        Number of files, the list of sums among them.
    """
    if out.suffix != ".zip":
        raise SolarsynthError(f"a bundle is a .zip, got {out.name}")
    check_folder(out)
    files, sums = contents(folder), []
    with replacing(out) as temporary, zipfile.ZipFile(temporary, "w") as bundle:
        for name, path in files.items():
            body = path.read_bytes()
            sums.append(f"{hashlib.sha256(body).hexdigest()}  {name}\n")
            _add(bundle, name, body)
        _add(bundle, SUMS, "".join(sums).encode())
    return len(files) + 1


def _add(bundle: zipfile.ZipFile, name: str, body: bytes) -> None:
    about = zipfile.ZipInfo(name, _TIME)
    about.compress_type = zipfile.ZIP_STORED if name.endswith(DENSE) else zipfile.ZIP_DEFLATED
    about.external_attr = 0o644 << 16
    bundle.writestr(about, body)
