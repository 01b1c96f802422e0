"""A process that has imported everything and forks: a `drama` command starts in milliseconds, not seconds.

Run as `python server.py`. It reads one JSON request a line and answers each with one line:
{"start": {"words", "cwd", "env", "log", "root", "at", "signal", "group", "patches"}} → {"pid"};
{"wait": pid, "seconds"} → {"code"}, or {"code": null} when the time is over.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.points import Points

LIBRARIES = (
    "torch", "safetensors.torch", "transformers", "tokenizers", "pyarrow.parquet", "pyarrow.ipc", "bm25s",
    "scipy.stats", "matplotlib.pyplot", "sentencex", "selectolax.lexbor", "py3langid", "datasketch",
    "ir_measures", "httpx", "gguf", "huggingface_hub", "jinja2", "accelerate",
    "transformers.models.llama.modeling_llama", "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto", "transformers.generation.utils", "torch._dynamo",
)  # fmt: skip


def load() -> None:
    """Import all that the commands import one by one."""
    import drama

    for name in LIBRARIES:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(drama.__path__, "drama."):
        if not module.name.endswith(("__main__", "on_ray", "vllm")):
            importlib.import_module(module.name)
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401

    from drama.workspace import manifest

    manifest.versions(), manifest.machine()  # both are remembered


def child(request: dict[str, Any]) -> int:
    """In the fork: become the command. Returns its exit status."""
    os.setpgid(0, request.get("group") or 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    log = Path(request["log"])
    for handle, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(log / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, handle)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["drama", *request["words"]]
    for name, value in request["patches"].items():
        module, attribute = name.rsplit(".", 1)
        assert hasattr(sys.modules[module], attribute), name
        setattr(sys.modules[module], attribute, value)
    points = Points(Path(request["root"]), request["at"], request["signal"])
    points.install()
    from drama.cli import main

    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    (log / "points").write_text(str(points.count))
    return int(code)


def wait(pid: int, seconds: float) -> int | None:
    end = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            return None
        time.sleep(0.005)


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            pid = os.fork()
            if pid == 0:  # freeing a thousand modules one by one would take most of the time
                os._exit(child(request["start"]))
            answer: dict[str, Any] = {"pid": pid}
        else:
            answer = {"code": wait(request["wait"], request["seconds"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    load()
    gc.freeze()
    print(json.dumps({"threads": len(list(Path("/proc/self/task").iterdir()))}), flush=True)
    serve()
