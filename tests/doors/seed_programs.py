"""The snippets of Go, Java and Rust as one program a language, built once: each is a function, run in the page's order.

A snippet is changed in what a cluster's user changes, too (address, TLS), and where the page is at fault; what is put
around it are the names and imports that make a program of it. The program takes the port from `MINIDB_GRPC_PORT`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from seed_snippets import snippets


def write_go(folder: Path) -> None:
    """The package `snippets`."""
    names = {}
    for name, code in snippets("go").items():
        names[name] = function = "snippet" + name.title().replace(" ", "")
        code = _changed(code, r'Host:( +)"xyz-example.qdrant.io"', r'Host:\1"127.0.0.1"')
        code = _changed(code, r"Port:( +)6334", r"Port:\1port")
        code = _changed(code, r"UseTLS: true", r"UseTLS: false")
        if code.startswith("package main"):
            code = _changed(code, r"func main\(\)", f"func {function}()")
            code = _changed(code, r"time\.Second\)", "time.Minute)")  # no test depends on how fast the machine is
        else:
            imports, rest = code.split("\n)\n", 1)
            # Go refuses a variable that nobody reads, and the page's `err` is one
            code = f"package main\n\n{imports}\n)\n\nfunc {function}() {{\n{rest}check(err)\n}}\n"
        _write(folder / "snippets" / f"{function}.go", code)
    calls = "\n".join(f'\tfmt.Println("snippet {name}")\n\t{function}()' for name, function in names.items())
    _write(folder / "snippets" / "main.go", _GO.replace("// calls", calls))


_GO = """package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
)

var port, _ = strconv.Atoi(os.Getenv("MINIDB_GRPC_PORT"))

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
// calls
}
"""


def write_java(folder: Path) -> None:
    """The class `snippets.Snippets`, whose `main` it is."""
    package, calls = folder / "src" / "main" / "java" / "snippets", []
    for name, code in snippets("java").items():
        of = name.title().replace(" ", "") + "Snippet"
        code = _changed(code, r'"xyz-example\.qdrant\.io", 6334, true', '"127.0.0.1", Snippets.PORT, false')
        if code.startswith("package org.example;"):
            code = _changed(code, r"package org\.example;", "package snippets;")
            code = _changed(code, r"public class Main", f"public class {of}")
            client = "import io.qdrant.client.QdrantClient;\nimport io.qdrant.client.QdrantGrpcClient;\n"
            code = _changed(code, r"(?=import io\.qdrant\.client\.grpc\.Points;)", client)  # the page forgets these
        else:
            imports, rest = re.split(r"(?<=;)\n\n(?!import)", code, maxsplit=1)
            code = (
                f"package snippets;\n\n{imports}\n\nclass {of} {{\n"
                f"public static void main(String[] args) throws Exception {{\n{rest}}}\n}}\n"
            )
        _write(package / f"{of}.java", code)
        calls.append(f'    System.out.println("snippet {name}");\n    {of}.main(arguments);')
    _write(package / "Snippets.java", _JAVA.replace("// calls", "\n".join(calls)))


_JAVA = """package snippets;

public final class Snippets {
  static final int PORT = Integer.parseInt(System.getenv("MINIDB_GRPC_PORT"));

  public static void main(String[] arguments) throws Exception {
// calls
    System.exit(0);
  }
}
"""


def write_rust(folder: Path) -> None:
    """The binary `snippets`."""
    modules, calls = [], []
    for name, code in snippets("rust").items():
        module = name.replace(" ", "_")
        code = _changed(code, r'from_url\("[^"]*"\)', "from_url(&crate::url())")
        if name == "cohere upsert":  # the page has OpenAI's model here
            code = _changed(code, r"openai/text-embedding-3-small", "cohere/embed-v4.0")
        if "async fn main()" in code:
            code = _changed(code, r"async fn main\(\)", "pub async fn main()")
            calls.append(f'    println!("snippet {name}");\n    {module}::main();')
        else:
            code = f"pub async fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{code}Ok(())\n}}\n"
            calls.append(f'    println!("snippet {name}");\n    runtime.block_on({module}::main())?;')
        modules.append(f"mod {module} {{\n{code}}}\n")
    _write(folder / "src" / "bin" / "snippets.rs", _RUST.replace("// calls", "\n".join(calls)) + "\n".join(modules))


_RUST = """fn url() -> String {
    format!("http://127.0.0.1:{}", std::env::var("MINIDB_GRPC_PORT").unwrap())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
// calls
    Ok(())
}

"""

WRITE: dict[str, Callable[[Path], None]] = {"go": write_go, "java": write_java, "rust": write_rust}
"""Adds the program to the folder of a language's other programs."""


def _changed(code: str, pattern: str, to: str) -> str:
    changed, count = re.subn(pattern, to, code)
    assert count == 1, f"{pattern} is there {count} times"
    return changed


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
