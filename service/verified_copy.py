"""`python -m service.verified_copy SOURCE TARGET DIGESTS`: copy model versions whose digests are known beforehand.

An init container runs it, so that a pod starts with the versions that were decided on, or does not start. A manifest
has the digest of every other file of its version, and whoever can alter those files could alter it too: so the
manifests' own digests come from elsewhere, in a file as `sha256sum */*/manifest.json` writes it. What it does not list
is left out.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from service.errors import InvalidModelError
from service.manifest import MANIFEST_FILE
from service.version_folder import digest, read_manifest

_LINE = re.compile(
    rf"(?P<digest>[0-9a-f]{{64}}) [ *](?:\./)?(?P<version>[A-Za-z0-9][\w.-]*/[1-9][0-9]*)/{re.escape(MANIFEST_FILE)}"
)


def read_digests(text: str) -> dict[PurePosixPath, str]:
    """Return the SHA-256 of each listed version's manifest, by `<name>/<version>`.

    Raises:
        ValueError: if a line is not as sha256sum writes it, a version stands there twice, or none does.
    """
    found: dict[PurePosixPath, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            raise ValueError(
                f"line {number} is not '<sha256>  <name>/<version>/{MANIFEST_FILE}', as sha256sum writes it"
            )
        version = PurePosixPath(match["version"])
        if version in found:
            raise ValueError(f"line {number} lists {version} again")
        found[version] = match["digest"]
    if not found:
        raise ValueError("it lists no version")
    return found


def copy_verified(source: Path, target: Path, digests: Mapping[PurePosixPath, str]) -> None:
    """Copy every listed version from one repository to another, each whole and verified or not at all.

    Links are followed where they are read: a volume of Kubernetes may be made of them. It is the copy that is verified,
    so that nothing can change in between.

    Raises:
        InvalidModelError: if a version is missing, its manifest is not the listed one, or a file is not what the
            manifest says; versions copied before it stay.
        OSError: if something cannot be read or written.
    """
    for version, expected in sorted(digests.items()):
        origin, destination = source / version, target / version
        if not origin.is_dir():
            raise InvalidModelError(origin, "it is not there, and its digest is listed")
        # A name that the service takes for no version, beside the place that it is renamed to.
        part = destination.with_name(f".{destination.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            for file in origin.iterdir():
                if file.is_file():
                    shutil.copyfile(file, part / file.name)
            if not (part / MANIFEST_FILE).is_file():
                raise InvalidModelError(origin, f"it has no {MANIFEST_FILE}")
            if digest(part / MANIFEST_FILE) != expected:
                raise InvalidModelError(origin, f"its {MANIFEST_FILE} is not the one whose digest is listed")
            read_manifest(part)
            shutil.rmtree(destination, ignore_errors=True)
            part.rename(destination)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every listed version has been copied, else 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        "python -m service.verified_copy", description=(__doc__ or "").partition("\n\n")[2]
    )
    parser.add_argument("source", type=Path, help="repository to copy from")
    parser.add_argument("target", type=Path, help="repository to copy to")
    parser.add_argument("digests", type=Path, help="file of the manifests' digests")
    given = parser.parse_args(arguments)
    try:
        digests = read_digests(given.digests.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{given.digests} cannot be used: {error}\n")
        return 1
    try:
        copy_verified(given.source, given.target, digests)
    except (InvalidModelError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"copied and verified: {', '.join(map(str, sorted(digests)))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
