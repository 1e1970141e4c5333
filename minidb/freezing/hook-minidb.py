# ruff: noqa: N999 - PyInstaller's way to name hooks
"""What PyInstaller does not see of minidb: modules that are named in strings only, and data files."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

datas = collect_data_files("minidb", excludes=["docs/**"])
hiddenimports = collect_submodules("minidb", filter=lambda name: not name.startswith("minidb.freezing"))
