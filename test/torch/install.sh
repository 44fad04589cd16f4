#!/bin/sh
# Installs Debian's PyTorch and ONNX where there is apt and root; elsewhere, says how. Tests that need it are skipped without it.
set -e
if ${PYTHON:-/usr/bin/python3} -c "import torch, onnx" 2>/dev/null; then exit 0; fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-torch python3-onnx
else
  echo "no PyTorch and onnx here: install them, and set PYTHON to the interpreter that has them"
fi
